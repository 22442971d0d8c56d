"""The metadata of a zarr array: checked, and brought to one form for versions 2 and 3."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax.data.blocks import MAX_BAND
from gramax.data.faults import check_lengths, decoding
from gramax.data.raw import BFLOAT16, BITS
from gramax.data.source import UNREADABLE
from gramax.data.zarrcodecs import CHECKSUM, check_codecs

MAX_SHARD = 1 << 20
"""Blocks of a shard, each with 16 bytes in its index."""

_V2_TYPE = re.compile(r"[<>|][biufSU][0-9]{1,5}")

_V3_TYPE = re.compile(r"bool|(u?int(8|16|32|64))|float(16|32|64)")

_V3_TEXT = {"fixed_length_utf32": "U", "null_terminated_bytes": "S"}


class _RefusedError(Exception):
    """Why an array is listed, but not read."""


@dataclass(frozen=True)
class Layout:
    """Where the blocks of an array are, and how one becomes numbers."""

    shape: tuple[int, ...]
    stored: np.dtype
    text: str
    block: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    """The axes of the block in the order in which they are stored."""
    codecs: tuple[str, ...] = ()
    fill: Any = 0
    """What a block that is not there is full of."""
    prefix: tuple[str, ...] = ()
    separator: str = "."
    per_shard: tuple[int, ...] = ()
    """Blocks of a shard along each axis: all 1 where a file holds one block."""
    sharded: bool = False
    index_codecs: tuple[str, ...] = ()
    index_first: bool = False
    code: str = ""
    """`bfloat16`, of which `stored` is the bits."""


def read_v2(about: Any, file: str) -> Layout:
    """What `.zarray` says."""
    with decoding(file, "zarr metadata"):
        shape = _lengths(about["shape"], file)
        kind = str(about["dtype"])
        try:
            block = _blocks(about["chunks"], shape, file)
            stored, code = BITS, BFLOAT16  # as TensorStore writes it; the zarr package does not
            if kind != BFLOAT16:
                stored, code = _dtype(kind if _V2_TYPE.fullmatch(kind) else "", kind), ""
            if about.get("filters"):
                raise _RefusedError("with filters, which are not undone")
            compressor = about.get("compressor")
            codecs = _codecs([] if compressor is None else [compressor["id"]])
            rank = len(shape)
            order = tuple(range(rank))
            return Layout(
                shape, stored, _text(stored, shape, code), _fitting(block, stored),
                order=order[::-1] if about.get("order") == "F" else order,
                codecs=codecs,
                fill=_fill(about.get("fill_value"), stored, code),
                separator=_separator(about.get("dimension_separator", ".")),
                per_shard=(1,) * rank,
                code=code,
            )  # fmt: skip
        except _RefusedError as why:
            return _refused(shape, kind, why)


def read_v3(about: Any, file: str) -> Layout | None:
    """What `zarr.json` says; None where it describes a group."""
    with decoding(file, "zarr metadata"):
        if about["node_type"] != "array":
            return None
        shape = _lengths(about["shape"], file)
        kind = about["data_type"]
        try:
            return _array_v3(about, shape, kind, file)
        except _RefusedError as why:
            return _refused(shape, kind if isinstance(kind, str) else "?", why)


def _array_v3(about: Any, shape: tuple[int, ...], kind: Any, file: str) -> Layout:
    grid, keys = about["chunk_grid"], about["chunk_key_encoding"]
    if grid["name"] != "regular" or keys["name"] not in ("default", "v2"):
        raise _RefusedError("in chunks that are not a regular grid")
    default = keys["name"] == "default"
    separator = keys.get("configuration", {}).get("separator", "/" if default else ".")
    outer = block = _blocks(grid["configuration"]["chunk_shape"], shape, file)
    codecs, shard = about["codecs"], None
    if codecs[0]["name"] == "sharding_indexed":
        shard = codecs[0]["configuration"]
        block, codecs = _blocks(shard["chunk_shape"], shape, file), [*shard["codecs"], *codecs[1:]]
        if len(about["codecs"]) > 1 or any(o % b for o, b in zip(outer, block, strict=True)):
            raise _RefusedError("in shards that are encoded again, or of unequal blocks")
    code = BFLOAT16 if kind == BFLOAT16 else ""
    stored, order, names = _pipeline(BITS if code else _v3_dtype(kind), codecs, len(shape))
    per_shard = tuple(o // b for o, b in zip(outer, block, strict=True))
    if math.prod(per_shard) > MAX_SHARD:
        raise _RefusedError(f"in shards of more than {MAX_SHARD} chunks")
    return Layout(
        shape, stored, _text(stored, shape, code), _fitting(block, stored),
        order=order,
        codecs=names,
        fill=_fill(about["fill_value"], stored, code),
        prefix=("c",) if default else (),
        separator=_separator(separator),
        per_shard=per_shard,
        sharded=shard is not None,
        index_codecs=() if shard is None else _index_codecs(shard["index_codecs"]),
        index_first=shard is not None and shard.get("index_location") == "start",
        code=code,
    )  # fmt: skip


def _pipeline(
    dtype: np.dtype, codecs: list[Any], rank: int
) -> tuple[np.dtype, tuple[int, ...], tuple[str, ...]]:
    """The stored dtype, the order of the axes, and the codecs that turn bytes to bytes."""
    order, codecs = tuple(range(rank)), list(codecs)
    if codecs[0]["name"] == "transpose":
        order = tuple(codecs.pop(0)["configuration"]["order"])
        if sorted(order) != list(range(rank)):
            raise ValueError(f"a transpose to axes {order}")
    first = codecs.pop(0)
    if first["name"] != "bytes":
        raise _RefusedError(f"encoded by {first['name']}")
    little = first.get("configuration", {}).get("endian", "little") == "little"
    return dtype.newbyteorder("<" if little else ">"), order, _codecs([c["name"] for c in codecs])


def _index_codecs(codecs: list[Any]) -> tuple[str, ...]:
    names = tuple(codec["name"] for codec in codecs)
    little = codecs[0].get("configuration", {}).get("endian", "little") == "little"
    if names[:1] != ("bytes",) or not little or names[1:] not in ((), (CHECKSUM,)):
        raise _RefusedError("in shards whose index is encoded in an unusual way")
    return names[1:]


def _lengths(lengths: Any, file: str) -> tuple[int, ...]:
    if not isinstance(lengths, list) or not all(type(length) is int for length in lengths):
        raise ValueError("a shape that is not a list of whole numbers")
    check_lengths(lengths, file)
    return tuple(lengths)


def _blocks(lengths: Any, shape: tuple[int, ...], file: str) -> tuple[int, ...]:
    block = _lengths(lengths, file)
    if len(block) != len(shape) or not all(block):
        raise ValueError(f"chunks of {list(block)} for an array of {list(shape)}")
    return block


def _fitting(block: tuple[int, ...], stored: np.dtype) -> tuple[int, ...]:
    if math.prod(block) * stored.itemsize > MAX_BAND:
        raise _RefusedError(f"in chunks of more than {MAX_BAND} bytes")
    return block


def _dtype(code: str, kind: str) -> np.dtype:
    if not code:
        raise _RefusedError(f"of the type {kind!r}, which has no fixed size, or is no number")
    return np.dtype(code)


def _v3_dtype(kind: Any) -> np.dtype:
    if isinstance(kind, dict) and kind.get("name") in _V3_TEXT:
        length, code = int(kind["configuration"]["length_bytes"]), _V3_TEXT[kind["name"]]
        return np.dtype((code, length // (4 if code == "U" else 1)))
    text = kind if isinstance(kind, str) else ""
    return _dtype(text if _V3_TYPE.fullmatch(text) else "", str(kind)[:40])


def _codecs(names: list[Any]) -> tuple[str, ...]:
    why = check_codecs([str(name) for name in names])
    if why:
        raise _RefusedError(why)
    return tuple(names)


def _fill(value: Any, stored: np.dtype, code: str) -> Any:
    """A number for a block that is not there; text and null stand for zeros."""
    if stored.kind in "SU" or value is None:
        return np.zeros((), stored)[()]
    if isinstance(value, str) and value.startswith("0x"):
        return np.frombuffer(bytes.fromhex(value[2:])[::-1], stored.newbyteorder("<"))[0]
    if not isinstance(value, int | float | str):
        raise ValueError("a fill value that is no number")
    if code == BFLOAT16:
        return np.uint16(np.float32(value).view(np.uint32) >> 16)
    with np.errstate(invalid="raise", over="ignore"):  # NaN among integers
        return np.array(float(value) if isinstance(value, str) else value).astype(stored)[()]


def _separator(separator: Any) -> str:
    if separator not in (".", "/"):
        raise ValueError("a separator of chunk names other than . and /")
    return separator


def _text(stored: np.dtype, shape: tuple[int, ...], code: str) -> str:
    return f"{code or stored.name} {list(shape)}"


def _refused(shape: tuple[int, ...], kind: str, why: Exception) -> Layout:
    return Layout((), UNREADABLE, f"{kind} {list(shape)} {why}")
