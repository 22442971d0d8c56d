"""Reading .safetensors: 8 bytes of length, a JSON header, then the tensors. No package needed.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeGuard

import numpy as np

from gramax.data.checks import check_shape, decoding, fail
from gramax.data.paths import byte_size, open_binary
from gramax.data.readers.stored import RawArray, layout
from gramax.data.source import UNREADABLE, Entry

MAX_HEADER_BYTES = 100_000_000
"""The limit that the format itself sets."""

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip
"""The dtypes that are read; any other (float8, complex) is listed, and refused when chosen."""


def entries(file: str) -> tuple[Entry, ...]:
    """The tensors of `file`; everything its header claims is checked against its size."""
    return described(file)[0]


def described(file: str) -> tuple[tuple[RawArray, ...], dict[str, str]]:
    """The tensors of `file`, and what was written about them: only texts are taken."""
    size = byte_size(file)
    with open_binary(file) as stream:
        length = int.from_bytes(stream.read(8), "little") if size >= 8 else size
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise fail(file, f"is not a .safetensors file (header of {length} bytes in {size})")
        with decoding(file, ".safetensors header"):
            header = json.loads(stream.read(length), object_pairs_hook=_no_duplicates)
    if not isinstance(header, dict):
        raise fail(file, "is not a .safetensors file (its header is not a JSON object)")
    about = header.pop("__metadata__", None)
    texts = about.items() if isinstance(about, dict) else ()
    return (
        tuple(_entry(file, 8 + length, size, name, one) for name, one in header.items()),
        {name: text for name, text in texts if isinstance(text, str)},
    )


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _entry(file: str, buffer: int, size: int, name: str, about: Any) -> RawArray:
    where, about = f"{file}::{name}", about if isinstance(about, dict) else {}
    code, shape, offsets = about.get("dtype"), about.get("shape"), about.get("data_offsets")
    if not (isinstance(code, str) and _is_lengths(shape) and _is_lengths(offsets)):
        raise fail(where, "needs a dtype, a shape and data_offsets in the .safetensors header")
    if len(offsets) != 2:
        raise fail(where, f"has {len(offsets)} data_offsets where there are two, begin and end")
    check_shape(shape, where)
    check_shape(offsets, where)
    shape, begin, end = tuple(shape), *offsets
    if not begin <= end <= size - buffer:
        raise fail(where, f"lies at bytes {begin} to {end} of a buffer of {size - buffer}")
    if code not in DTYPES:
        text = f"{code} {list(shape)}"
        return RawArray(file, name, shape, UNREADABLE, text, buffer + begin, UNREADABLE)
    stored = np.dtype(DTYPES[code])
    if end - begin != math.prod(shape) * stored.itemsize:
        raise fail(where, f"has {end - begin} bytes, which is not {code} of shape {shape}")
    return RawArray(file, name, *layout(shape, stored, code == "BF16"), buffer + begin, stored)


def _is_lengths(values: Any) -> TypeGuard[list[int]]:
    """Whether `values` is a list of whole numbers (True is not one)."""
    return isinstance(values, list) and all(type(value) is int for value in values)
