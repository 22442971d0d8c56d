"""Hostile files made by hand: what a fuzzer would not stumble upon.

Readers of embeddings meet more of them, with the words of each refusal, in `tests/data`.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

import h5py
import numpy as np
import pyarrow as pa

from tests.fuzz.mutators import varint
from tests.fuzz.seeds import Z, npy, npz, parquet, report, runlog, store, table, text_table, written
from tests.fuzz.targets import NAMES, packed, saved, unpacked

HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"

BELL = "\x1b[2J\x07<script>alert(1)</script>\u202e"
"""A name that clears the screen, rings, runs in a browser, and turns the text around."""


def npy_of(shape: str, data: bytes = b"", descr: str = "<f4") -> bytes:
    text = HEADER % (descr, shape)
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode("latin1") + data


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method, compresslevel=1)
    return out.getvalue()


def overlapping() -> bytes:
    """Two members whose bytes are the same (the way of the 42 kB bomb of 4 GB)."""
    data = bytearray(zipped([("z.npy", npy()), ("y.npy", npy())], zipfile.ZIP_STORED))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


def lying_size(size: int) -> bytes:
    """A member that the directory says to be of this size, and its header of that shape."""
    name = b"z.npy"
    content = npy_of(f"({(size - 128) // 4}, 1)").ljust(128)
    data = bytearray(zipped([(name.decode(), content)]))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        data[(start := data.index(mark)) + at : start + at + 4] = struct.pack("<I", size)
    return bytes(data)


def safetensors(header: object, data: bytes = bytes(240), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin: int = 0, end: int = 240, **changes: object) -> dict[str, object]:
    """What a header says of a matrix [12, 5]."""
    return {"dtype": "F32", "shape": [12, 5], "data_offsets": [begin, end]} | changes


def hdf5(write: Callable[[h5py.File], object]) -> bytes:
    def into(out: io.BytesIO) -> None:
        with h5py.File(out, "w") as file:
            write(file)

    return written(into)


def hdf5_chunk(stored: bytes, **options: object) -> bytes:
    return hdf5(
        lambda file: file.create_dataset(
            "z", (64, 64), "f4", chunks=(64, 64), **options
        ).id.write_direct_chunk((0, 0), stored)
    )


def compressed_twice(file: h5py.File) -> None:
    """A chunk that deflate was applied to twice: a bomb of a million to one."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((12, 5))
    plan.set_deflate(9)
    plan.set_deflate(9)
    space, kind = h5py.h5s.create_simple((12, 5)), h5py.h5t.IEEE_F32LE
    h5py.h5d.create(file.id, b"z", kind, space, plan)


def parquet_page(claim: int) -> bytes:
    """A column of one page of 2 MB, which claims to become so many bytes."""
    data = pa.table({"z": pa.FixedSizeListArray.from_arrays(np.zeros(500_000, "f4"), 50_000)})
    made = parquet(
        data, compression="zstd", use_dictionary=False, row_group_size=12, data_page_size=1 << 30
    )
    # The page begins the file: type 0 in field 1 (15 00), then the size in field 2, in 4 bytes.
    assert made[4:7] == b"\x15\x00\x15"
    assert made[10] < 128
    return made[:7] + varint(2 * claim if claim >= 0 else -2 * claim - 1) + made[11:]


def one_long_row(values: int = 5_000_000) -> bytes:
    """A row of so many equal numbers, which take a hundred bytes."""
    column = pa.ListArray.from_arrays(pa.array([0, values], pa.int32()), np.zeros(values, "i1"))
    return parquet(pa.table({"z": column}), compression="zstd")


def changed_store(document: str, **changes: object) -> bytes:
    """A zarr store whose document says something else."""
    members = []
    for at, data in unpacked(store(3)):
        if NAMES[at] == document:
            data = json.dumps(json.loads(data) | changes).encode()
        members.append((at, data))
    return packed(members)


def saved_with(name: str, value: float) -> bytes:
    """A checkpoint whose array of this name is full of this value."""
    arrays = dict(np.load(io.BytesIO(saved())))
    arrays[name] = np.full_like(arrays[name], value)
    return written(lambda out: np.savez(out, **arrays))


def log_line(**changes: object) -> bytes:
    first = json.loads(runlog().split(b"\n")[0])
    return json.dumps(first | changes).encode() + b"\n"


def mat_bomb() -> bytes:
    """A compressed element that inflates to 100 MB of zeros."""
    element = zlib.compress(struct.pack("<II", 14, 100_000_000) + bytes(100_000_000), level=1)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    return head + struct.pack("<II", 15, len(element)) + element


OBJECTS = written(lambda out: np.save(out, np.array([[print]], object), allow_pickle=True))

HANDMADE: Mapping[str, Mapping[str, bytes]] = {
    "npy": {
        "pickle": pickle.dumps(Z),
        "objects": OBJECTS,
        "huge": npy_of("(1000000000000, 768)"),
        "power": npy_of("(9**9**9, 5)"),
        "wide text": npy_of("(12,)", descr="<U2147483647"),
        "empty items": npy_of("(9223372036854775807, 1)", descr="|V0"),
        "infinite": npy(np.full((3, 2), np.inf)),
    },
    "npz": {
        "pickle": zipped([("z.npy", OBJECTS)]),
        "bomb": zipped([("z.npy", npy(np.zeros((1 << 20, 16), "f4")))]),
        "bomb of columns": zipped([("z.npy", npy(np.zeros((16, 1 << 20), "f4").T))]),
        "paths": zipped([(name, npy()) for name in ("../z.npy", "/tmp/y.npy", "C:\\x.npy")]),
        "control": zipped([(f"{BELL}.npy", npy()), ("nul\0.npy", npy())]),
        "overlap": overlapping(),
        "4 GiB": lying_size((1 << 32) - 1),
        "many": zipped([(f"{k}.npy", b"") for k in range(500)]),
        "no unicode": zipped(
            [("z.npy", npy()), ("t.npy", npy_of("(12,)", b"\xff" * 48, descr="<U1"))]
        ),
    },
    "safetensors": {
        "overlap": safetensors({"z": tensor(), "y": tensor(dtype="U8", shape=[12], end=12)}),
        "surrogate": safetensors(b'{"\\ud800": 1}'),
        "control": safetensors({BELL: tensor(), "y": tensor(dtype="I64", shape=[30])}),
    },
    "parquet": {
        "page of 100 MB": parquet_page(100_000_000),
        "page below 0": parquet_page(-100_000_000),
        "one long row": one_long_row(),
        "long labels": parquet(table(t=["x" * 20_000] * 12), compression="zstd"),
        "control": parquet(table(**{BELL: [BELL] * 12})),
    },
    "jsonl": {
        "surrogate": b'{"z": [1, 2], "\\ud800": "\\udc00"}\n' * 3,
        "control": json.dumps({"z": [1, 2], BELL: BELL}).encode(),
        "names": b"".join(b'{"z": [1, 2], "k%d": 1}\n' % k for k in range(3000)),
    },
    "csv": {
        "one long line": b"1.5," * 200_000,
        "one long field": b"x" * 60_000 + b",y\n1,2\n",
        "open quote": b'a,b\n1.5,"2\n' + b"3,4\n" * 9,
        "control": text_table().replace(b"d0", BELL.encode()),
        "no text": b"\xff\xfe\0a,b\n1,2\n",
        "digits": b"a,b\n" + b"9" * 5000 + b",1\n",
        "deep": b'v,y\n"' + b"[" * 20_000 + b'",1\n',
    },
    "words": {
        "huge counts": b"999999999999999999 5\nthe 1 2 3 4 5\n",
        "no text": b"\xff\xfe 1 2\n\xff 3 4\n",
        "long token": b"x" * 60_000 + b" 1 2\n" * 3,
        "no number": b"the 1 2\nof 1 0x12\n",
    },
    "vecs": {
        "huge": struct.pack("<i", 1 << 30) + bytes(240),
        "below 0": struct.pack("<i", -5) + bytes(240),
        "uneven": struct.pack("<i", 5) + bytes(44),
    },
    "json": {
        "deep": b'{"a":' * 30_000,
        "digits": b"[[" + b"9" * 5000 + b"]]",
        "huge": b"[[1" + b"0" * 400 + b"]]",
        "surrogate": b'{"z": [[1, 2]], "\\ud800": ["\\udc00"]}',
        "control": json.dumps({"z": [[1, 2]], BELL: [BELL]}).encode(),
    },
    "mat": {
        "empty": b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM",
        "bomb": mat_bomb(),
        "no matrix": b"MATLAB 5.0".ljust(124) + b"\0\1IM" + struct.pack("<II", 14, 1 << 31),
        "of version 7.3": b"MATLAB 7.3 MAT-file".ljust(512) + bytes(512),
    },
    "h5ad": {
        "codes beyond": hdf5(
            lambda file: file.update(
                {"obsm/z": Z, "obs/y/codes": np.full(12, 99, "i1"), "obs/y/categories": ["a"]}
            )
        ),
    },
    "hdf5": {
        "bomb": hdf5_chunk(zlib.compress(bytes(40_000_000)), compression="gzip"),
        "short": hdf5_chunk(zlib.compress(bytes(8)), compression="gzip"),
        "short lzf": hdf5_chunk(b"\0\0", compression="lzf"),
        "link": hdf5(lambda file: file.update(z=h5py.ExternalLink("/etc/passwd", "z"))),
        "scale and offset": hdf5(
            lambda file: file.create_dataset("z", data=Z, chunks=(6, 5), scaleoffset=2)
        ),
        "compressed twice": hdf5(compressed_twice),
        "never written": hdf5(
            lambda file: file.create_dataset("z", (1 << 40, 5), "f4", chunks=(4, 5))
        ),
        "no storage": hdf5(lambda file: file.create_dataset("z", (1 << 40, 5), "f4")),
        "control": hdf5(lambda file: file.update({BELL.replace("/", ""): Z})),
    },
    "zarr": {
        "never written": changed_store("z/zarr.json", shape=[1 << 40, 5]),
        "one by one": changed_store(
            "z/zarr.json",
            shape=[1 << 26, 5],
            chunk_grid={"name": "regular", "configuration": {"chunk_shape": [1, 1]}},
        ),
    },
    "txt": {
        "control": f"{BELL}\nb\nc\n".encode(),
        "no line": b"x" * 60_000,
        "no text": b"\xff\xfe\0\n" * 3,
        "digits": b"9" * 4000 + b"\n1\n2\n",
    },
    "checkpoint": {
        "pickle": zipped([("about.npy", OBJECTS)]),
        "empty": zipped([]),
        "embeddings": npz(),
        "counts": saved_with("count.0", np.nan),
        "classes": saved_with("labels", 9),
    },
    "runlog": {
        "deep": b"[" * 30_000 + b"\n",
        "control": log_line(name=BELL, verdict=BELL, numbers={BELL: 1}),
        "surrogate": log_line(name="\ud800"),
        "digits": log_line().replace(b'"step": 0', b'"step": ' + b"9" * 5000),
        "huge": log_line(numbers={"effective_rank": 10**400}),
        "no end": b'{"gramax_log":1' + b" " * 60_000,
    },
    "report": {
        "deep": b"[" * 30_000,
        "control": report(source=BELL, diagnosis={"kind": BELL, "text": BELL}),
        "a metric called so": report(metrics={BELL: {"value": 1.0}}),
        "surrogate": report(source="\ud800"),
        "digits": report().replace(b'"n": 12', b'"n": ' + b"9" * 5000),
        "huge": report(n=10**400),
        "value beyond floats": report(metrics={"cdnv": {"value": 10**400}}),
        "infinite": report(metrics={"cdnv": {"value": float("inf")}}),
        "error beyond floats": report(
            metrics={"cdnv": {"value": 1.0, "error": {"standard": -math.inf}}}
        ),
        "text as a number": report(d="five"),
        "a list": b"[]",
        "long": report(source="x" * 60_000),
    },
    "start": {
        "pickle": pickle.dumps(Z),
        "objects": OBJECTS,
        "zip": npz(),
        "huge": npy_of("(4294967296, 5)"),
        "not finite": npy(np.full((12, 5), np.nan)),
        "no length": npy(np.zeros((12, 5))),
        "lengths beyond float64": npy(np.full((12, 5), 1e300)),
        "lengths below": npy(np.full((12, 5), 1e-300)),
        "integers": npy(np.ones((12, 5), np.int64)),
        "complex": npy(np.full((12, 5), 1j)),
        "cut": npy()[:-8],
    },
    "starttext": {
        "control": BELL.encode() * 120,
        "one long word": b"x" * 4000,
        "no text": b"\xff\xfe" * 60,
        "digits": b"9" * 5000,
        "nan": b"nan\n" * 120,
    },
    "failon": {
        "long": b"a" * 60_000 + b"<1",
        "control": f"{BELL}<1".encode(),
        "no text": b"\xff\xfe<1",
        "nan": b"effective_rank<nan",
    },
}  # fmt: skip
"""By target and name."""
