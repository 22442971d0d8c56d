"""Streaming a parquet file against the costs it cannot avoid: ``python -m benchmarks.streaming``.

Writes a file of random rows (1 GB by default) to a temporary folder, and times in turn: decoding
it with pyarrow alone, by its defaults and as fast as we know how (pieces that fit a cache, one
thread, buffered), the bare products z.T @ z of as many rows, and the whole pass of an audit
(labels, reading, moments in float64, a sample of rows), in this process and in worker processes,
one a core, that have started before. The file is warm: it was just written, by another process,
since memory that writing leaves in pieces slows every way of decoding. Where others use the cores
too, the CPU seconds of this process say more than the time.

``MIMALLOC_PURGE_DELAY=-1 python -m benchmarks.streaming`` lets pyarrow keep its memory, as it does
in the child process that reads for the command.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.timing import in_turn
from gramax.streaming import accumulate, classes_of, open_source
from gramax.streaming.engines import Engine, Serial
from gramax.streaming.engines.processes import Processes

PIECE = 100_000


def write(path: Path, rows: int, dim: int, classes: int) -> None:
    """A file of clouds around random centres, in the layout that pyarrow chooses."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((classes, dim), dtype=np.float32)
    kind = pa.schema({"embedding": pa.list_(pa.float32(), dim), "label": pa.int32()})
    with pq.ParquetWriter(path, kind) as writer:
        for start in range(0, rows, PIECE):
            y = rng.integers(0, classes, min(PIECE, rows - start)).astype(np.int32)
            z = centres[y] + rng.standard_normal((len(y), dim), dtype=np.float32)
            column = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), dim)
            writer.write_table(pa.table({"embedding": column, "label": y}, kind))


def functions(path: Path, rows: int, dim: int, workers: Engine) -> dict:
    """What is timed."""
    block = jnp.asarray(np.random.default_rng(1).standard_normal((PIECE, dim), dtype=np.float32))
    product = jax.jit(lambda z: z.T @ z)

    def decode():
        for batch in pq.ParquetFile(path).iter_batches(columns=["embedding"]):
            batch.column(0).flatten().to_numpy()

    def decode_best():
        # Without threads and look-ahead, which on one column only cost.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        for batch in file.iter_batches(16384, columns=["embedding"], use_threads=False):
            batch.column(0).flatten().to_numpy()

    def products():
        for _ in range(-(-rows // PIECE)):
            product(block).block_until_ready()

    def stream(engine: Engine):
        source, _ = open_source(str(path), None)
        classes = classes_of("label", source, False)
        return accumulate(source, classes, 1, True, engine=engine).rows

    return {
        "decode, pyarrow's defaults": decode,
        "decode, at its best": decode_best,
        "bare products": products,
        "the audit's pass": lambda: stream(Serial()),
        "the pass, a process a core": lambda: stream(workers),
    }


def counted(f: Callable[[], object], spent: list[float]) -> Callable[[], object]:
    """`f`, which also notes the CPU seconds that this process spends on it."""

    def run() -> object:
        start = time.process_time()
        found = f()
        spent.append(time.process_time() - start)
        return found

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        apart = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        with apart:
            apart.submit(write, path, given.rows, given.dim, given.classes).result()
        workers = Processes(os.cpu_count() or 1)
        try:
            cases = functions(path, given.rows, given.dim, workers)
            spent: dict[str, list[float]] = {name: [] for name in cases}
            cases = {name: counted(f, spent[name]) for name, f in cases.items()}
            times = in_turn(cases, rounds=given.rounds)
        finally:
            workers.close()
    title = f"{given.rows:,} x {given.dim} float32, {given.classes} classes"
    table = Table(title=title, min_width=len(title))
    for column in ("what", "seconds", "CPU s", "MB/s"):
        table.add_column(column, justify="right")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        cpu = statistics.median(spent[name][-given.rounds :])
        table.add_row(
            name, f"{median:.2f}", f"{cpu:.2f}", f"{4e-6 * given.rows * given.dim / median:,.0f}"
        )
    console = Console(width=100)
    console.print(table)
    usual, best, bare, *passes = times.values()
    for how, whole in zip(("the pass", "the pass, a process a core"), passes, strict=True):
        for name, decode in (("its defaults", usual), ("its best", best)):
            rounds = zip(decode, bare, whole, strict=True)
            share = statistics.median(
                max(floor, products) / took for floor, products, took in rounds
            )
            console.print(f"larger of decoding at {name} and the products, over {how}: {share:.2f}")


if __name__ == "__main__":
    main()
