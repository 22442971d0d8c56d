"""Changes that keep a file's structure while they make it lie: a seeded function of its bytes."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from tests.fuzz.targets import packed, unpacked

NUMBERS = [
    0, 1, 2, 3, 5, 12, 64, 127, 128, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 20, 1 << 27,
    (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
    -1, -2, -(1 << 31), -(1 << 63), 10**30,
]  # fmt: skip

VALUES = [
    None, True, False, 0.5, -0.0, 1e308, float("nan"), float("-inf"), "", "z", "y", "NaN", "0x7f",
    "\x1b[2J", "\ud800", "\u202e", "<b>", "../../x", "/etc/passwd", "a\0b", "x" * 5000, [], {},
    [[]], [1, 2], {"z": {}}, "F32", "BF16", "U64", "F8_E4M3", "<f4", "|O", "gzip", "pickle", "C",
]  # fmt: skip

TYPES = ["<f4", ">f8", "<f2", "<i8", "|u1", "|b1", "<c8", "<U4", "|S0", "|O", "<M8[s]", "|V4",
         "<f16", "f4,f4", "<U99999999", "|V2147483647", [["a", "<f4"]], [["a", "|O"]]]  # fmt: skip

KEYS = ["z", "y", "\x1b[2J", "\ud800", "<b>", "../x", "shape", ""]

MEMBERS = ["z.npy", "y.npy", "t.npy", "z", "../z.npy", "/tmp/z.npy", "a\0.npy", "\x1b[2J.npy",
           "z.npy/", "<b>.npy", "C:\\z.npy", "rows.npy", "about.npy", ".npy"]  # fmt: skip


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """`data` changed in one to three places: in its structure where that can be read, or its bytes.

    Args:
        name: of the target.
        data: any bytes.
        rng: what chooses.
    """
    for _ in range(rng.choice((1, 1, 2, 3))):
        change = STRUCTURES.get(name, bytes_changed)
        try:
            data = (change if rng.random() < 0.7 else bytes_changed)(data, rng) or data
        except Exception:  # its structure is beyond reading
            data = bytes_changed(data, rng)
    return data


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    """One place flipped, set, left out, repeated or made a number; half the time near an end."""
    out = bytearray(data or b"\0")
    at = rng.randrange(min(300, len(out)) if rng.random() < 0.5 else len(out))
    at = len(out) - 1 - at if rng.random() < 0.5 else at
    kind, length = rng.randrange(6), rng.randint(1, 9)
    if kind == 0:
        out[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        out[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, ord("9"), ord("{")])
    elif kind == 2:
        del out[at : at + length]
    elif kind == 3:
        out[at:at] = out[at : at + length]
    elif kind == 4:
        width = rng.choice((2, 4, 8))
        at -= at % width if rng.random() < 0.7 else 0
        number = rng.choice(NUMBERS) & ((1 << 8 * width) - 1)
        out[at : at + width] = number.to_bytes(width, "little")
    else:
        out[at : at + 5] = varint(rng.choice(NUMBERS))[:5]
    return bytes(out)


def varint(number: int) -> bytes:
    """The number as thrift and protocol buffers write it."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def npy_changed(data: bytes, rng: random.Random) -> bytes:
    """The shape, dtype, order, version or declared length of the header."""
    version, (length,) = data[6], struct.unpack_from("<H", data, 8)
    text, rest = data[10 : 10 + length].decode("latin1"), data[10 + length :]
    kind = rng.randrange(6)
    if kind <= 1:
        text = re.sub(r"\([^)]*\)", lambda _: _shape(rng), text, count=1)
    elif kind == 2:
        chosen = rng.choice(TYPES)
        descr = repr([tuple(one) for one in chosen] if isinstance(chosen, list) else chosen)
        text = re.sub(r"('descr': )('[^']*'|\[.*?\])", lambda match: match[1] + descr, text)
    elif kind == 3:
        text = text.replace("False", "True") if "False" in text else text.replace("True", "False")
    elif kind == 4:
        text = bytes_changed(text.encode("latin1"), rng).decode("latin1")
    else:
        version, rest = rng.choice((0, 1, 2, 3, 9)), bytes_changed(rest, rng)
    size = len(text) if rng.random() < 0.95 else rng.choice(NUMBERS)
    size &= 0xFFFF if version == 1 else 0xFFFFFFFF
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(
        "<H" if version == 1 else "<I", size
    ) + text.encode("latin1") + rest  # fmt: skip


def _shape(rng: random.Random) -> str:
    sizes = [str(rng.choice(NUMBERS)) for _ in range(rng.randrange(5))]
    if rng.random() < 0.2:
        sizes.append(rng.choice(["nan", "1.5", "True", "None", "1L", "-0", "()", "1e3", "2**9"]))
    if rng.random() < 0.3:
        sizes = rng.choice([["60"], ["12", "5"], ["5", "12"], ["60", "1"], ["3", "4", "5"]])
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def zip_changed(data: bytes, rng: random.Random) -> bytes:
    """Members renamed, repeated, changed or left out; then what the directory says of one."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        if any(info.file_size > 1 << 16 or info.compress_type > 8 for info in infos):
            raise ValueError("not to be unpacked")
        members = [(info.filename, archive.read(info)) for info in infos]
        deflated = any(info.compress_type for info in infos)
    at, kind = rng.randrange(len(members)), rng.randrange(6)
    name, content = members[at]
    if kind == 0:
        members[at] = (rng.choice(MEMBERS), content)
    elif kind == 1:
        members.insert(at, (name, content))
    elif kind == 2:
        members.pop(at)
    elif kind <= 4:
        inner = about_changed if name == "about.npy" else npy_changed
        members[at] = (name, inner(content, rng))
    out = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    if rng.random() < 0.01:  # slow, and refused
        method = rng.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            if name not in archive.NameToInfo or rng.random() < 0.5:
                archive.writestr(zipfile.ZipInfo(name), content, method)
    return _directory_changed(out.getvalue(), rng) if rng.random() < 0.4 else out.getvalue()


def _directory_changed(data: bytes, rng: random.Random) -> bytes:
    """A field of a record of the archive: sizes, checksums, offsets, flags, methods."""
    records = {b"PK\x01\x02": 46, b"PK\x03\x04": 30, b"PK\x05\x06": 22}
    starts = [
        (m.start(), records[m[0]]) for m in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)
    ]
    start, length = rng.choice(starts)
    field, width = start + rng.randrange(4, length - 1, 2), rng.choice((2, 4))
    number = rng.choice([*NUMBERS, *(at for at, _ in starts)]) & ((1 << 8 * width) - 1)
    return data[:field] + number.to_bytes(width, "little") + data[field + width :]


def about_changed(content: bytes, rng: random.Random) -> bytes:
    """The JSON in an array of bytes, as checkpoints describe themselves."""
    (length,) = struct.unpack_from("<H", content, 8)
    text = json_changed(content[10 + length :], rng)
    header = re.sub(rb"\(\d+,\)", b"(%d,)" % len(text), content[10 : 10 + length])
    return content[:8] + struct.pack("<H", len(header)) + header + text


def json_changed(data: bytes, rng: random.Random) -> bytes:
    """A value of a JSON text replaced, left out or repeated; or a key twice, or deep nests."""
    tree = [json.loads(data)]
    nodes = list(_nodes(tree))
    parent, key = rng.choice(nodes)
    kind = rng.randrange(8)
    if kind <= 2:
        parent[key] = rng.choice(NUMBERS)
    elif kind <= 4:
        parent[key] = rng.choice(VALUES)
    elif kind == 5 and parent is not tree:
        del parent[key]
    elif isinstance(parent, dict):
        parent[rng.choice(KEYS)] = parent[key]
    else:
        parent.insert(key, parent[key])
    text = json.dumps(tree[0])
    if rng.random() < 0.05:
        text = text.replace('"z"', '"y"')
    if rng.random() < 0.03:
        text = text.replace("1", rng.choice(["[" * 20_000, "9" * 5000, "1e999", '{"a":' * 5000]), 1)
    return text.encode()


def _nodes(tree: Any) -> Any:
    """Every value in the tree, as what holds it and under which key."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def safetensors_changed(data: bytes, rng: random.Random) -> bytes:
    """The header, with a length that is mostly right."""
    length = int.from_bytes(data[:8], "little")
    header, rest = json_changed(data[8 : 8 + length], rng), data[8 + length :]
    size = len(header) if rng.random() < 0.95 else rng.choice(NUMBERS) & ((1 << 64) - 1)
    return size.to_bytes(8, "little") + header + rest


def lines_changed(data: bytes, rng: random.Random) -> bytes:
    """One line of JSON changed, repeated or left out."""
    lines = data.split(b"\n")
    at, kind = rng.randrange(len(lines)), rng.randrange(8)
    if kind == 0:
        lines.insert(at, lines[at])
    elif kind == 1:
        lines.pop(at)
    else:
        lines[at] = json_changed(lines[at], rng)
    return b"\n".join(lines)


def zarr_changed(data: bytes, rng: random.Random) -> bytes:
    """A document or a chunk of the store changed, renamed or left out."""
    members = unpacked(data)
    at, kind = rng.randrange(len(members)), rng.randrange(8)
    number, content = members[at]
    if kind == 0:
        members[at] = (rng.randrange(256), content)
    elif kind == 1:
        members.pop(at)
    elif content[:1] == b"{":
        members[at] = (number, json_changed(content, rng))
    else:
        members[at] = (number, bytes_changed(content, rng))
    return packed(members)


def parquet_changed(data: bytes, rng: random.Random) -> bytes:
    """A number of the footer, as thrift writes them, with a length of the footer that is right."""
    length = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - length], bytearray(data[-8 - length : -8])
    at = end = rng.randrange(len(footer))
    while end < len(footer) - 1 and footer[end] & 128:
        end += 1
    if rng.random() < 0.7:
        number = rng.choice(NUMBERS)
        footer[at : end + 1] = varint(number << 1 if number >= 0 else (-number << 1) - 1)
    else:
        footer = bytearray(bytes_changed(bytes(footer), rng))
    return body + bytes(footer) + len(footer).to_bytes(4, "little") + data[-4:]


def text_changed(data: bytes, rng: random.Random) -> bytes:
    """A token replaced by another, or moved."""
    tokens = re.findall(rb"[A-Za-z_]+|[0-9.]+|\s+|.", data) or [b""]
    words = [b"effective_rank", b"coherence", b"<", b"<=", b"==", b"!=", b">", b"nan", b"inf",
             b"-1e999", b"0x10", b"1_000", b"\xd9\xa3", b"\xff", b"\x1b[2J", b"\n", b"\0", b" ",
             b"red" * 2000, b"", b"-1", b"<b>", b"\xe2\x80\xae", b"9" * 5000]  # fmt: skip
    tokens[rng.randrange(len(tokens))] = rng.choice([*words, *tokens])
    tokens.insert(rng.randrange(len(tokens) + 1), rng.choice([b"", *words]))
    return b"".join(tokens)


STRUCTURES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "npy": npy_changed,
    "npz": zip_changed,
    "checkpoint": zip_changed,
    "safetensors": safetensors_changed,
    "jsonl": lines_changed,
    "runlog": lines_changed,
    "report": json_changed,
    "start": npy_changed,
    "starttext": text_changed,
    "zarr": zarr_changed,
    "parquet": parquet_changed,
    "txt": text_changed,
    "failon": text_changed,
}
"""How the structure of a target's inputs is changed; Arrow's and HDF5's are numbers in bytes."""
