"""The audit whose checkpoint is fuzzed: three tasks of rows in three classes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from gramax.moments.class_moments import ClassMoments
from gramax.streaming.checkpoint import Checkpoint
from gramax.streaming.results import LeftOut, Sample, Totals, joined

C, D = 3, 5
RNG = np.random.default_rng(3)
ROWS, LABELS = RNG.normal(size=(12, D)).astype(np.float32), np.arange(12, dtype=np.int32) % C
ABOUT = {
    "version": "fuzz",
    "options": {"--labels": True},
    "source": {"rows": 36, "dim": D, "files": [{"name": "z.npy", "size": 848, "mtime_ns": 1}]},
    "labels": {"classes": C, "names": "", "digest": "d"},
}


def checkpoint(path: str | Path) -> Checkpoint:
    """Of the audit, at `path`."""
    empty = ClassMoments.empty(C, D, normalize=True)
    return Checkpoint(Path(path), ABOUT, empty, 1, 3)


def load(path: str) -> None:
    """Load what is done, and put it together as an audit would."""
    totals = checkpoint(path).load(skip_bad=True)
    if totals.blocks:
        moments, sample = joined(totals.blocks), totals.sample
        assert np.isfinite(moments.counts).all()
        assert int(np.asarray(moments.left_out).sum()) >= 0
        assert np.isfinite(sample.rows).all()
        assert ((sample.labels >= 0) & (sample.labels < C)).all()


def saved(done: int = 2) -> bytes:
    """The checkpoint after so many tasks."""
    moments = ClassMoments.of(ROWS.astype(np.float64), LABELS, C, normalize=True)
    out = (LeftOut("part-1.npy", 4, "part-1.npy: ends too early"),)
    with tempfile.TemporaryDirectory() as folder:
        file = checkpoint(Path(folder) / "saved")
        file.save(Totals((moments,), (Sample(ROWS, LABELS, np.arange(len(ROWS))),), out, done, 12))
        return file.path.read_bytes()
