"""What is fuzzed: from bytes to a read to the end, an InputError of one safe line, or a fault."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from gramax.audits.run_reader import Follower, read_runs
from gramax.cli import thresholds
from gramax.cli.codebook import _start
from gramax.data import Reading, check_finite, open_embeddings, read_labels
from gramax.data.checks import MAX_COLUMNS
from gramax.data.formats import reads_in_process
from gramax.decide.comparison import compare_saved
from gramax.errors import InputError
from gramax.moments.class_moments import ClassMoments
from gramax.render import run_watch, terminal
from gramax.render.page import decision_page
from gramax.streaming.checkpoint import Checkpoint
from gramax.streaming.results import LeftOut, Sample, Totals, joined

NAMES = (
    "zarr.json", "z/zarr.json", "y/zarr.json", "z/c/0/0", "z/c/1/0", "z/c/0/1", "z/c/1/1",
    "y/c/0", ".zgroup", "z/.zarray", "y/.zarray", "z/0.0", "z/1.0", "z/0.1", "z/1.1", "y/0",
    "z/0/0", "z/1/0", "t/zarr.json", "t/.zarray", "t/c/0", "t/0",
)  # fmt: skip
"""The files that a fuzzed zarr store may have."""

START = (12, 5)
"""Codes and dimensions that a start must have."""

METRICS = {"effective_rank": 8.5, "coherence": float("nan"), "collapse_ratio": 0.0}


def read_embeddings(file: str) -> None:
    """All that an audit reads: the rows, whole and in fragments, and what is beside as labels."""
    source = open_embeddings(file)
    size = max(1, min(4096, (1 << 22) // (source.dim * source.dtype.itemsize)))
    rows, bad = 0, None
    for start, chunk in source.chunks(size):
        assert start == rows
        assert chunk.shape[1] == source.dim
        rows += len(chunk)
        if bad is None and chunk.dtype.kind == "f" and not np.isfinite(chunk).all():
            bad = start, chunk
    assert rows == source.rows
    fragments = source.fragments(max(5, rows // 10))
    assert sum(fragment.rows for fragment in fragments) == rows
    for fragment in fragments[:3]:
        assert sum(len(chunk) for _, chunk in fragment.chunks(max(3, rows // 20))) == fragment.rows
    if rows <= MAX_COLUMNS and source.dim < 1000:
        turned = open_embeddings(file, reading=Reading(transpose=True))
        assert (turned.rows, turned.dim) == (source.dim, rows)
        assert sum(len(chunk) for _, chunk in turned.chunks(max(3, source.dim // 20))) == source.dim
    beside = [
        one for one in source.parts[0].siblings if one.rank == 1 and one.dtype.kind not in "fV"
    ]
    for name in [one.name for one in beside if one.name][:3]:
        labels = read_labels([name], source, rows)
        assert sum(map(len, labels.whole.chunks(4096))) == rows
    if bad:
        check_finite(bad[1], bad[0], source.name)


def read_text_labels(file: str) -> None:
    assert len(read_labels(file, None, 3).codes) == 3


def read_threshold(file: str) -> None:
    """A condition of `--fail-on`, as the system hands it over: any bytes."""
    text = os.fsdecode(Path(file).read_bytes())
    [condition] = thresholds.named([thresholds.parse(text)], METRICS)
    said = condition.broken_by(METRICS)
    assert said is None or said.isprintable()


def printed(shown: object) -> None:
    """What a terminal is given, which must not be able to steer it."""
    out = io.StringIO()
    Console(file=out, width=110).print(shown)
    assert out.getvalue().replace("\n", "").isprintable(), f"unsafe: {out.getvalue()!a:.500}"


def read_runlog(file: str) -> None:
    """A run log as `timeline` reads it, and as `watch` does and shows it."""
    printed(run_watch.run_overview("run.jsonl", read_runs(file)))
    printed(run_watch.run_overview("run.jsonl", {"": Follower(file).poll()}))


def read_report(file: str) -> None:
    """A saved report compared with itself, in the terminal and as a page."""
    found = compare_saved(file, file)
    printed(terminal.decision_view(found))
    json.dumps(found.to_dict(), allow_nan=False)
    assert "<b>\x1b" not in decision_page(found)


def read_start(file: str) -> None:
    codes = _start(file, *START, "real")
    assert codes.shape == START
    assert np.isfinite(np.linalg.norm(codes, axis=1)).all()


def checkpoint(path: str | Path) -> Checkpoint:
    """Of an audit of three tasks of rows in three classes, at `path`."""
    files = [{"name": "z.npy", "size": 848, "mtime_ns": 1}]
    about = {
        "version": "fuzz",
        "options": {"--labels": True},
        "source": {"rows": 36, "dim": 5, "files": files},
        "labels": {"classes": 3, "names": "", "digest": "d"},
    }
    return Checkpoint(Path(path), about, ClassMoments.empty(3, 5, normalize=True), 1, 3)


def saved(done: int = 2) -> bytes:
    rows = np.random.default_rng(3).normal(size=(12, 5)).astype(np.float32)
    labels = np.arange(12, dtype=np.int32) % 3
    moments = ClassMoments.of(rows.astype(np.float64), labels, 3, normalize=True)
    out = (LeftOut("part-1.npy", 4, "part-1.npy: ends too early"),)
    with tempfile.TemporaryDirectory() as folder:
        file = checkpoint(Path(folder) / "saved")
        file.save(
            Totals(
                (moments,), (Sample(rows, labels, np.arange(12), np.full(12, -1)),), out, done, 12
            )
        )
        return file.path.read_bytes()


def read_checkpoint(file: str) -> None:
    """Load what is done, and put it together as an audit would."""
    totals = checkpoint(file).load(skip_bad=True)
    if totals.blocks:
        moments, sample = joined(totals.blocks), totals.sample
        assert np.isfinite(moments.counts).all()
        assert int(np.asarray(moments.left_out).sum()) >= 0
        assert np.isfinite(sample.rows).all()
        assert ((sample.labels >= 0) & (sample.labels < 3)).all()


TARGETS: dict[str, tuple[str, Callable[[str], None]]] = {
    "npy": (".npy", read_embeddings),
    "npz": (".npz", read_embeddings),
    "safetensors": (".safetensors", read_embeddings),
    "parquet": (".parquet", read_embeddings),
    "arrow": (".arrow", read_embeddings),
    "jsonl": (".jsonl", read_embeddings),
    "csv": (".csv", read_embeddings),
    "tsv": (".tsv", read_embeddings),
    "words": (".vec", read_embeddings),
    "vecs": (".fvecs", read_embeddings),
    "json": (".json", read_embeddings),
    "mat": (".mat", read_embeddings),
    "h5ad": (".h5ad", read_embeddings),
    "hdf5": (".h5", read_embeddings),
    "zarr": (".zarr", read_embeddings),
    "txt": (".txt", read_text_labels),
    "checkpoint": (".gramax", read_checkpoint),
    "runlog": (".jsonl", read_runlog),
    "report": (".json", read_report),
    "start": (".npy", read_start),
    "starttext": (".txt", read_start),
    "failon": (".cond", read_threshold),
}
"""By name: the extension of its files, and what reads one."""


def place(name: str, data: bytes, folder: Path) -> str:
    """`data` as a file (or store) of the target in `folder`, and its path."""
    path = folder / f"input{TARGETS[name][0]}"
    if name != "zarr":
        path.write_bytes(data)
        return str(path)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for member, content in unpacked(data):
        file = path / NAMES[member % len(NAMES)]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return str(path)


def judged(name: str, file: str) -> str | None:
    """What the error of the target says of `file`; None where all of it could be read.

    Raises:
        AssertionError: the message is not one that a terminal can show safely.
        Exception: anything else that is raised is a fault.
    """
    try:
        TARGETS[name][1](file)
    except InputError as error:
        said = str(error)
        assert said.isprintable(), f"unsafe to print: {said!a}"
        assert len(said) < 6000, f"{len(said)} characters"
        if reads_in_process(file):
            assert "more memory than there is" not in said, said
        return said
    return None


def packed(members: list[tuple[int, bytes]]) -> bytes:
    """The files of a store as the one input that a fuzzer changes: number, length, content."""
    return b"".join(struct.pack("<BI", at, len(data)) + data for at, data in members)


def unpacked(data: bytes) -> list[tuple[int, bytes]]:
    """The files in `data`, as far as they go."""
    members, at = [], 0
    while at + 5 <= len(data):
        member, length = struct.unpack_from("<BI", data, at)
        members.append((member, data[at + 5 : at + 5 + length]))
        at += 5 + length
    return members
