"""Valid files of every kind, as the real libraries write them: where the fuzz starts."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
import zarr
from safetensors.numpy import save

from gramax.audits.run_log import Entry, RunLog
from tests.fuzz.targets import NAMES, packed, saved

N = 12
Z = np.random.default_rng(3).normal(size=(N, 5)).astype(np.float32)
Y = np.arange(N) % 3
T = np.array(["red", "green", "blue"])[Y]


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def npy(array: np.ndarray = Z) -> bytes:
    return written(lambda out: np.save(out, array))


def npz(save_arrays: Any = np.savez) -> bytes:
    return written(lambda out: save_arrays(out, z=Z, y=Y, t=T))


def table(**more: Any) -> pa.Table:
    columns = {"z": list(Z), "y": Y, "t": pa.array(T).dictionary_encode()}
    return pa.table(columns | more)


def parquet(data: pa.Table | None = None, **options: Any) -> bytes:
    kind = {"row_group_size": 5} | options
    return written(lambda out: pq.write_table(table() if data is None else data, out, **kind))


def arrow(writer: Any, compression: str | None = None, data: pa.Table | None = None) -> bytes:
    data, stream = table() if data is None else data, io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with writer(stream, data.schema, options=options) as out:
        out.write_table(data, max_chunksize=5)
    return stream.getvalue()


def hdf5(libver: str = "earliest", **options: Any) -> bytes:
    def write(out: io.BytesIO) -> None:
        with h5py.File(out, "w", libver=libver) as file:
            file.create_dataset("deep/z", data=Z, **options)
            file["y"], file["t"] = Y, T.astype("S")

    return written(write)


def store(version: int, text: bool = False, **options: Any) -> bytes:
    """A zarr store of a matrix in four blocks, and integers or texts of any length."""
    with tempfile.TemporaryDirectory() as folder:
        group = zarr.open_group(folder, mode="w", zarr_format=version)
        group.create_array("z", data=Z, **({"chunks": (6, 3)} | options))
        if text:
            group.create_array("t", shape=(12,), dtype=str, chunks=(12,))[:] = T.astype(object)
        else:
            group.create_array("y", data=Y, chunks=(12,))
        files = [(at, Path(folder) / name) for at, name in enumerate(NAMES)]
        return packed([(at, file.read_bytes()) for at, file in files if file.is_file()])


def jsonl() -> bytes:
    rows = zip(Z[:6].tolist(), Y.tolist(), T, strict=False)
    return "".join(
        f'{{"z": {z}, "y": {y}, "t": "{t}", "more": {{"a": [1, null]}}}}\n' for z, y, t in rows
    ).encode()


def runlog() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.jsonl"
        with RunLog(file) as log:
            for step in range(3):
                entry = Entry(
                    step, {"effective_rank": 8.5, "coherence": float("nan")}, {"coherence": "one"},
                    "val", 12, 5, 3, {"coherence": 0.5}, "A space.", {"1": "good"}, {"loss": 0.1},
                    np.eye(3), ("red", "green", "blue"), 1.0,
                )  # fmt: skip
                log.append(entry)
        return file.read_bytes()


def report(**changes: Any) -> bytes:
    """A report as `gramax audit --json` saves it, with and without errors."""
    bar = {"standard": 0.1, "low": 8.0, "high": 9.0, "bias": 0.0, "reason": ""}
    metrics = {
        "effective_rank": {"value": 8.5, "reason": None, "chance": None, "error": bar},
        "class_coherence": {"value": 0.5, "error": bar | {"standard": None}},
        "cdnv": {"value": None, "reason": "needs labels"},
    }
    about = {"source": "z.npy", "n": 12, "d": 5, "c": 3, "metrics": metrics}
    diagnosis = {"kind": "collapsed", "text": "Classes are tight."}
    return json.dumps(about | {"diagnosis": diagnosis} | changes).encode()


def text_table(between: str = ",", header: bool = True, lists: bool = False) -> bytes:
    """Rows, their classes and numbers beside them."""
    fields = [["y", *("z" if lists else f"d{k}" for k in range(1 if lists else 5)), "t"]]
    for y, row, t in zip(Y, Z.tolist(), T, strict=True):
        fields.append([str(y), *([f'"{row}"'] if lists else map(str, row)), t])
    return "".join(f"{between.join(line)}\n" for line in fields[not header :]).encode()


def words(head: str = "") -> bytes:
    lines = [
        " ".join([f"{t}{k}", *map(str, row)]) for k, (t, row) in enumerate(zip(T, Z, strict=True))
    ]
    return "\n".join([*([head] if head else []), *lines, ""]).encode()


def vecs() -> bytes:
    rows = np.empty(N, [("length", "<i4"), ("values", "<f4", 5)])
    rows["length"], rows["values"] = 5, Z
    return rows.tobytes()


def mat(**options: Any) -> bytes:
    arrays = {"z": Z, "y": Y, "t": T.astype(object)}
    return written(lambda out: scipy.io.savemat(out, arrays, **options))


def mat73() -> bytes:
    def write(out: io.BytesIO) -> None:
        with h5py.File(out, "w", userblock_size=512) as file:
            file.create_dataset("z", data=Z.T, chunks=(5, 4))
            file["y"] = Y[None]

    data = written(write)
    return b"MATLAB 7.3 MAT-file" + data[19:]


def h5ad() -> bytes:
    def write(out: io.BytesIO) -> None:
        with h5py.File(out, "w") as file:
            file["X"], file["obsm/z"], file["obs/t"] = Z, Z, T.tolist()
            file["obs/y/codes"], file["obs/y/categories"] = Y.astype("i1"), ["a", "b", "c"]

    return written(write)


FEATURES = {"y": {"names": ["red", "green", "blue"], "_type": "ClassLabel"}}
NAMED = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
NULLS = pa.table({"z": [None, *Z.tolist()[1:-1], [None] * 5], "y": Y})
WIDE = pa.table({"y": Y, "t": T, **{f"d{k}": Z[:, k] for k in range(5)}})
RECORDS = pa.table({"v": [{"z": row} for row in Z.tolist()], "p": [{"t": t} for t in T]})
FIXED = pa.FixedSizeListArray.from_arrays(pa.array(Z.reshape(-1)), 5)
NESTED = table(n=[[["a"]]] * N, s=[{"a": 1.0}] * N, b=[True, None] * (N // 2))
CODECS = [zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()]
CODES = [npy(), npy(np.asfortranarray(Z)), npy(Z.astype(">f8")), npy(Z.astype(np.float16))]

SEEDS: dict[str, list[bytes]] = {
    "npy": [*CODES, npy(Y.reshape(6, 2))],
    "npz": [npz(), npz(np.savez_compressed)],
    "safetensors": [save({"z": Z, "y": Y}), save({"z": Z}, {"made": "by"})],
    "parquet": [
        parquet(), parquet(compression="none"), parquet(compression="zstd", data_page_size=16),
        parquet(compression="gzip", data_page_version="2.0"), parquet(NESTED),
        parquet(table(f=FIXED).drop(["z"])),
        parquet(compression="brotli", use_dictionary=False, write_page_checksum=True),
        parquet(use_dictionary=False, column_encoding={"y": "DELTA_BINARY_PACKED"}),
        parquet(WIDE), parquet(RECORDS), parquet(NULLS),
        parquet(table().replace_schema_metadata(NAMED)),
    ],
    "arrow": [
        arrow(pa.ipc.new_stream), arrow(pa.ipc.new_file, "lz4"), arrow(pa.ipc.new_file, "zstd"),
        arrow(pa.ipc.new_stream, None, NESTED), arrow(pa.ipc.new_file, None, table(f=FIXED)),
        arrow(pa.ipc.new_stream, None, WIDE), arrow(pa.ipc.new_file, None, RECORDS),
        arrow(pa.ipc.new_stream, None, NULLS),
        arrow(pa.ipc.new_file, None, table().replace_schema_metadata(NAMED)),
    ],
    "jsonl": [
        jsonl(), b'{"z": [1, 2.5], "y": true}\n{"z": [3, 4], "y": null}',
        b'{"z": [1, NaN]}\n{"z": null}',
    ],
    "csv": [
        text_table(), text_table(";"), text_table(header=False), text_table(lists=True),
        b'z,y\n"[1.5, None]",a\n,b\n',
    ],
    "tsv": [text_table("\t"), text_table("\t", False)],
    "words": [words(), words(f"{N} 5")],
    "vecs": [vecs()],
    "json": [
        json.dumps(Z.tolist()).encode(),
        b'{"z": [[1, NaN], null, [2, 3]], "y": ["a", null, "b"]}',
        json.dumps({"z": Z.tolist(), "y": Y.tolist(), "t": T.tolist()}).encode(),
        json.dumps([{"v": {"z": z}, "t": t} for z, t in zip(Z.tolist(), T, strict=True)]).encode(),
    ],
    "mat": [mat(), mat(do_compression=True), mat73()],
    "h5ad": [h5ad()],
    "hdf5": [
        hdf5(), hdf5(chunks=(5, 3), compression="gzip", shuffle=True, fletcher32=True),
        hdf5(chunks=(5, 3), compression="lzf"), hdf5("latest", chunks=(4, 5), compression="gzip"),
        hdf5(chunks=(6, 5), maxshape=(None, 5), shuffle=True), hdf5(chunks=(2, 2)),
    ],
    "zarr": [
        store(3, compressors=None), store(3), store(3, shards=(12, 6), compressors=CODECS),
        store(2, compressors=None, order="F"), store(2), store(3, compressors=CODECS),
        store(2, text=True, compressors=None), store(3, text=True, compressors=None),
    ],
    "txt": ["red\ngrün\nblue\n".encode(), b"0\n-1\n7", b"\xef\xbb\xbf1\r\n2\r\n3\r\n"],
    "checkpoint": [saved(), saved(0), saved(3)],
    "runlog": [runlog(), runlog().replace(b'"audit"', b'"other"', 1)],
    "report": [report(), report(metrics={}), report(c=0)],
    "start": CODES,
    "starttext": ["\n".join(map(repr, [*Z.ravel().tolist(), *[0.0] * Z.size])).encode()],
    "failon": [b"effective_rank<50", b" coherence >= 1e-3 ", b"collapse_ratio!=-inf"],
}  # fmt: skip
