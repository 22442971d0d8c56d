"""Checkpoints: what is done of an audit, in a file that is whole at any moment.

An .npz without pickles: `about`, a JSON text that says which audit this is and how far it came, and
the arrays of the moments and of the sampled rows. Tasks are merged in order, so the first `done`
of them are in, and what follows is exactly what would have followed.

One audit at a time has the file: it holds a lock on an empty file beside it, `.NAME.lock`. The
system drops the lock when the process ends, however it ends; the next audit takes the file away.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gramax._files import check_writable, lock, replacing
from gramax._text import visible
from gramax.data import Source
from gramax.data.checks import decoding, fail
from gramax.data.readers.numpy import npz_entries
from gramax.data.source import Entry
from gramax.errors import InputError
from gramax.moments.class_moments import ClassMoments
from gramax.streaming.identity import difference, identity
from gramax.streaming.inputs import Classes
from gramax.streaming.results import LeftOut, Sample, Totals
from gramax.streaming.tasks import MAX_SAMPLED_ROWS, Task

SECONDS, SHARE = 5.0, 0.05
"""Between two saves at least, and the share of the time that saving may take."""

MAX_ABOUT = 1 << 28
"""Bytes of JSON: enough for a million files."""

KIND = "gramax checkpoint"


@dataclass
class Checkpoint:
    """The file of one audit.

    Args:
        path: of the file, which may not exist yet.
        about: what tells this audit from others.
        empty: moments of no rows, of the right shapes.
        blocks: of moments kept apart, for error bars.
        tasks: how many there are.
    """

    path: Path
    about: dict[str, Any]
    empty: ClassMoments
    blocks: int
    tasks: int
    saved: int = -1
    due: float = 0.0
    part: str | None = None
    """The name of the temporary file, where no other audit can be using it."""

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        source: Source,
        classes: Classes,
        blocks: int,
        normalize: bool,
        tasks: list[Task],
    ) -> Checkpoint:
        """The checkpoint at `path` of this audit.

        Raises:
            InputError: no file can be written there.
        """
        check_writable(path)
        about = identity(source, classes, blocks, normalize, tasks[0].sizes)
        c, d = len(classes.names), source.dim
        fewer = source.rows < d
        empty = ClassMoments.empty(
            c, min(source.rows, d), normalize=normalize, ambient=d if fewer else None
        )
        return cls(Path(path), about, empty, blocks, len(tasks))

    @contextmanager
    def alone(self) -> Iterator[Checkpoint]:
        """Keep other audits away from the file until the block, or this process, ends.

        Raises:
            InputError: another audit has it.
        """
        target = Path(os.path.realpath(self.path))
        beside = target.with_name(f".{target.name}.lock")
        try:
            file, locked = _locked(beside)
        except BlockingIOError:
            raise InputError(
                f"{self.path}: another audit is at work on it; wait for its end, or name another"
                " file"
            ) from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from None
        self.part = f".{target.name}.part" if locked else None
        try:
            yield self
        finally:
            beside.unlink(missing_ok=True)
            os.close(file)

    def load(self, skip_bad: bool) -> Totals:
        """What is done already; nothing where there is no file.

        Raises:
            InputError: the file is not a checkpoint, or not one of this audit.
        """
        if not self.path.exists():
            return Totals()
        file = str(self.path)
        arrays = {entry.name: entry for entry in npz_entries(file)}
        about = self._about(arrays, file)
        other = difference(about.get("audit"), self.about)
        if other:
            raise fail(file, f"is a checkpoint of another audit: {other}; name another file")
        totals = self._totals(about, arrays, file)
        if totals.left_out and not skip_bad:
            one = totals.left_out[0].name
            raise fail(file, f"leaves out {len(totals.left_out)} fragments ({one}): add --skip-bad")
        self.saved = totals.done
        return totals

    def save_now_and_then(self, totals: Totals) -> None:
        """Save if the last time is long enough ago."""
        if time.monotonic() >= self.due:
            self.save(totals)

    def save(self, totals: Totals) -> None:
        """Save what is new, whole or not at all."""
        if totals.done == self.saved:
            return
        began = time.monotonic()
        progress = {
            "done": totals.done,
            "rows": totals.rows,
            "left_out": [asdict(one) for one in totals.left_out],
        }
        about = json.dumps({"kind": KIND, "audit": self.about, "progress": progress})
        arrays = {"about": np.frombuffer(about.encode(), np.uint8)}
        for k, block in enumerate(totals.blocks):
            arrays |= {f"{name}.{k}": leaf for name, leaf in _leaves(block).items()}
        if totals.samples:
            sample = totals.sample
            arrays |= {name: getattr(sample, name) for name in ("rows", "labels", "numbers")}
        with replacing(self.path, self.part) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        self.saved, now = totals.done, time.monotonic()
        self.due = now + max(SECONDS, (now - began) / SHARE)

    def _about(self, arrays: dict[str, Entry], file: str) -> dict[str, Any]:
        entry = arrays.get("about")
        if entry is None or entry.dtype != np.uint8 or entry.rank != 1:
            raise fail(file, "is not a checkpoint; name another file")
        if entry.shape[0] > MAX_ABOUT:
            raise fail(file, f"describes itself in {entry.shape[0]} bytes; at most {MAX_ABOUT}")
        with decoding(file, "checkpoint"):
            about = json.loads(_whole(entry).tobytes())
        if not isinstance(about, dict) or about.get("kind") != KIND:
            raise fail(file, "is not a checkpoint; name another file")
        return about

    def _totals(self, about: dict[str, Any], arrays: dict[str, Entry], file: str) -> Totals:
        with decoding(file, "checkpoint"):
            progress = about["progress"]
            done, rows = int(progress["done"]), int(progress["rows"])
            left_out = tuple(
                LeftOut(visible(str(one["name"])), int(one["rows"]), visible(str(one["reason"])))
                for one in progress["left_out"]
            )
            if not 0 <= done <= self.tasks or rows < 0:
                raise ValueError(f"{rows} rows in {done} of {self.tasks} tasks done")
        if "rows" not in arrays:
            return Totals((), (), left_out, done, rows)
        blocks = tuple(self._block(arrays, k, file) for k in range(self.blocks))
        samples = (_sample(arrays, self.empty.dim, self.empty.num_classes, file),)
        return Totals(blocks, samples, left_out, done, rows)

    def _block(self, arrays: dict[str, Entry], k: int, file: str) -> ClassMoments:
        read = {
            name: _expected(arrays, f"{name}.{k}", leaf.shape, np.dtype(np.float64), file)
            for name, leaf in _leaves(self.empty).items()
        }
        counts = np.concatenate([read[name].ravel() for name in ("count", "rows", "left_out")])
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise fail(file, "holds counts of rows that are none: it is damaged; remove it")
        return replace(self.empty, **read)


def _locked(path: Path) -> tuple[int, bool]:
    """The file at `path`, made if need be, opened; and whether it is locked (else nothing is)."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            locked = lock(file)
            # The one who had it may have taken it away since it was opened.
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file, locked
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _leaves(moments: ClassMoments) -> dict[str, np.ndarray]:
    """The arrays by name."""
    values = vars(moments).items()
    return {name: value for name, value in values if isinstance(value, np.ndarray)}


def _sample(arrays: dict[str, Entry], d: int, c: int, file: str) -> Sample:
    rows = arrays["rows"]
    m = rows.shape[0] if rows.rank == 2 else -1
    if not 0 <= m <= MAX_SAMPLED_ROWS or rows.dtype not in (np.float32, np.float64):
        raise fail(file, f"holds a sample of {rows.text}, which is none of an audit")
    sample = Sample(
        _expected(arrays, "rows", (m, d), rows.dtype, file),
        _expected(arrays, "labels", (m,), np.dtype(np.int32), file),
        _expected(arrays, "numbers", (m,), np.dtype(np.int64), file),
    )
    known = ((sample.labels >= 0) & (sample.labels < c)).all()
    if not known or not np.isfinite(sample.rows).all():
        raise fail(file, "holds rows of no class, or that are no numbers: it is damaged; remove it")
    return sample


def _expected(
    arrays: dict[str, Entry], name: str, shape: tuple[int, ...], dtype: np.dtype, file: str
) -> np.ndarray:
    """The array of this name, whose shape is looked at before memory is taken for it."""
    entry = arrays.get(name)
    if entry is None or entry.shape != shape or entry.dtype != dtype:
        found = "nothing" if entry is None else entry.text
        raise fail(file, f"holds {found} as {name}, where {dtype} {list(shape)} belongs")
    return _whole(entry)


def _whole(entry: Entry) -> np.ndarray:
    if not entry.shape[0]:
        return np.zeros(entry.shape, entry.dtype)
    return next(entry.chunks(entry.shape[0]))[1]
