"""What do the metrics of all rows cost? ``python -m benchmarks.neighbours --rows 20000 --dim 384``.

One pass over all pairs of rows gives the twenty nearest neighbours of every row, exactly, and the
uniformity of all; the metrics follow from them. It is held against the bare products in float32 of
the same pairs, each once, in the same process and in turn: ratios hold on a busy machine where
seconds do not. Seconds of the processor count every thread.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import METRICS

TILE_SIDE = 1024


def bare_products(x: np.ndarray) -> None:
    """The products of all pairs of rows, those of each pair once, and nothing else."""
    tile = np.empty(TILE_SIDE * TILE_SIDE, np.float32)
    for i in range(0, len(x), TILE_SIDE):
        for j in range(0, i + 1, TILE_SIDE):
            a, b = x[i : i + TILE_SIDE], x[j : j + TILE_SIDE]
            np.matmul(a, b.T, out=tile[: len(a) * len(b)].reshape(len(a), len(b)))


def metrics(x: np.ndarray) -> dict[str, float]:
    """Every metric of the rows on the sphere, as the audit takes them."""
    evidence = RowEvidence(x, normalize=True)
    return {m.name: float(m.of_rows(evidence)) for m in METRICS.of_rows(True) if m.of_rows}


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def peak_memory() -> float:
    """The most MiB that the process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    x = np.random.default_rng(0).standard_normal((given.rows, given.dim), dtype=np.float32)
    bare, whole = [], []
    for _ in range(given.rounds):
        bare.append(timed(lambda: bare_products(x)))
        whole.append(timed(lambda: metrics(x)))
    print(f"{given.rows:,} x {given.dim} float32, {x.nbytes / 2**20:,.0f} MiB of rows")
    for name, times in (("bare products", bare), ("all metrics of rows", whole)):
        wall, processor = (min(part) for part in zip(*times, strict=True))
        print(f"{name:>20}: {wall:8.2f} s, {processor:8.2f} s of the processor")
    pairs = list(zip(whole, bare, strict=True))
    wall, processor = (statistics.median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
    print(f"{'ratio':>20}: {wall:8.2f}  , {processor:8.2f}")
    print(f"peak of the process: {peak_memory():,.0f} MiB")


if __name__ == "__main__":
    main()
