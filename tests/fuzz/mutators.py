"""Changes that keep a file's structure while they make it lie: a seeded function of its bytes."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable

from tests.fuzz.targets import packed, unpacked

NUMBERS = [
    0, 1, 2, 3, 5, 12, 64, 127, 128, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 20, 1 << 27,
    (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
    -1, -2, -(1 << 31), -(1 << 63), 10**30,
]  # fmt: skip

WORDS = [
    *(str(number).encode() for number in NUMBERS),
    *b"null true false True None NaN Infinity nan inf 0.5 -0.0 1e308 -1e999 0x7f 1_000 [] {} [[]]"
    b" (60,) (5,12) < <= == != ( ) [ ] , : red <b> effective_rank coherence".split(),
    *b"""'<f4' '>f8' '<f2' '|u1' '|b1' '<c8' '<U4' '|S0' '|O' '<M8[s]' '|V4' '<f16' 'f4,f4'
    '<U99999999' '|V2147483647' "" "z" "y" "NaN" "0x7f" "F32" "BF16" "U64" "F8_E4M3" "<f4" "|O"
    "gzip" "pickle" "C" "shape" "../../x" "/etc/passwd" "<b>" "\\ud800" "\\u202e" "a\\u0000b"
    """.split(),
    *(b" ", b"\n", b"\0", b"\x1b[2J", b'"\x1b[2J"', b"\xff", b"\xd9\xa3", b"\xe2\x80\xae"),
    *(b'"' + b"x" * 5000 + b'"', b"[" * 20_000, b"9" * 5000, b'{"a":' * 5000),
]  # fmt: skip
"""What takes the place of a number, a name or a mark in a text."""

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[\w.+-]+|\s+|.', re.DOTALL)


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """`data` of the target `name`, changed in one to three places by what `rng` chooses.

    It is changed in its structure where that can be read, or in its bytes.
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


def text_changed(data: bytes, rng: random.Random) -> bytes:
    """A number, name or mark replaced by another, left out or repeated."""
    tokens = TOKEN.findall(data) or [b""]
    at, kind = rng.randrange(len(tokens)), rng.randrange(10)
    if kind < 6:
        marks = [at for at, token in enumerate(tokens) if len(token) > 1]
        tokens[rng.choice(marks or [at])] = rng.choice(WORDS)
    elif kind < 8:
        tokens[at] = rng.choice(tokens)
    else:
        tokens[at : at + 1] = [] if kind == 8 else [tokens[at]] * 2
    return b"".join(tokens)


def npy_changed(data: bytes, rng: random.Random) -> bytes:
    """The header, with a length that is mostly right; of JSON in an array, the JSON."""
    (length,) = struct.unpack_from("<H", data, 8)
    text, rest = data[10 : 10 + length], data[10 + length :]
    if rest[:1] == b"{":
        rest = text_changed(rest, rng)
        text = re.sub(rb"\(\d+,\)", b"(%d,)" % len(rest), text)
    else:
        text = text_changed(text, rng)
    size = len(text) if rng.random() < 0.95 else rng.choice(NUMBERS)
    return data[:8] + struct.pack("<H", size & 0xFFFF) + text + rest


def safetensors_changed(data: bytes, rng: random.Random) -> bytes:
    """The header, with a length that is mostly right."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = text_changed(data[8:end], rng)
    size = len(header) if rng.random() < 0.95 else rng.choice(NUMBERS)
    return struct.pack("<Q", size & ((1 << 64) - 1)) + header + data[end:]


def parquet_changed(data: bytes, rng: random.Random) -> bytes:
    """The footer, with a length that is right."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = bytes_changed(data[start:-8], rng)
    return data[:start] + footer + struct.pack("<I", len(footer)) + data[-4:]


def zip_changed(data: bytes, rng: random.Random) -> bytes:
    """A member renamed, repeated, left out, or changed, with a checksum that is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        if any(info.file_size > 1 << 16 or info.compress_type > 8 for info in infos):
            raise ValueError("not to be unpacked")
        members = [(info.filename, archive.read(info)) for info in infos]
    method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    out, at, kind = io.BytesIO(), rng.randrange(len(members)), rng.randrange(6)
    name, content = members[at]
    names = ["y.npy", "t.npy", "z", "../z.npy", "a\0.npy", "\x1b[2J.npy", "about.npy", ".npy"]
    changed = (rng.choice(names) if kind == 1 else name, npy_changed(content, rng))
    members[at : at + 1] = [] if kind == 0 else [changed]
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            if name not in archive.NameToInfo:
                archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def zarr_changed(data: bytes, rng: random.Random) -> bytes:
    """A document or a chunk of the store changed, renamed or left out."""
    members = unpacked(data)
    at, kind = rng.randrange(len(members)), rng.randrange(8)
    number, content = members[at]
    change = text_changed if content[:1] == b"{" else bytes_changed
    member = (rng.randrange(256) if kind == 1 else number, change(content, rng))
    members[at : at + 1] = [] if kind == 0 else [member]
    return packed(members)


TEXTS = (
    *("jsonl", "txt", "runlog", "report", "starttext", "failon"),
    *("csv", "tsv", "words", "json"),
)

STRUCTURES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "npy": npy_changed,
    "start": npy_changed,
    "npz": zip_changed,
    "checkpoint": zip_changed,
    "safetensors": safetensors_changed,
    "zarr": zarr_changed,
    "parquet": parquet_changed,
    **dict.fromkeys(TEXTS, text_changed),
}
"""How the structure of a target's inputs is changed; Arrow's and HDF5's are numbers in bytes."""
