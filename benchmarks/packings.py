"""Packings by descent beside the published tables: ``python -m benchmarks.packings``.

Runs `pack` on every row of the tables within the target range, from scratch, so many seconds a row;
a row ends early once it is within 5.5e-9 of the published coherence, unless ``--records`` asks for
more. A run that was interrupted goes on where it stopped. The best codes ever found are kept apart
from what the run reached; only ``--again`` reads them, as starts, and its outcomes are not recorded
as a run. ``--table`` writes docs/packings.md from both files.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import packing_store as store
from benchmarks.packing_store import Outcome, Row
from gramax import frames
from gramax.errors import InputError
from gramax.frames.codebooks import as_codes, as_real, coherence
from gramax.frames.search.starts import shed

NEAR = 5.5e-9
"""A row ends this close to the published value: many of those are rounded to eight decimals."""
TARGET = {"complex": (7, 50), "real": (8, 40)}
"""The largest d and n, by field, of the rows that are run unless others are asked for."""

CLOCK = "what seconds are: cpu counts those of the worker, where others load the machine"

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def chosen(options: argparse.Namespace) -> list[Row]:
    """The rows that the filters leave."""
    rows = []
    for row in store.published():
        d, n = TARGET[row.field]
        asked = str(row) in options.rows if options.rows else row.d <= d and row.n <= n
        asked &= not options.field or row.field == options.field
        asked &= not options.d or row.d in options.d
        asked &= not options.n or row.n in options.n
        if asked:
            rows.append(row)
    random.Random(0).shuffle(rows)  # so that a run that is cut short is a fair sample
    return rows


def attempt(
    row: Row, seconds: float, clock: str, key: int, target: float | None, start: np.ndarray | None
) -> tuple[Outcome, np.ndarray]:
    """One row in this process, from scratch unless there is a start."""
    timer = {"cpu": time.process_time, "wall": time.monotonic}[clock]
    found = frames.pack(
        row.n, row.d, row.field, seconds=seconds, key=key, target=target, start=start, clock=timer,
        patience=10**6,
    )  # fmt: skip
    known = store.published()[row].coherence
    trace = [(p.seconds, p.coherence) for p in found.trace] or [(0.0, found.coherence)]
    when = next((t for t, value in trace if value <= known + store.RECORD), float("nan"))
    spent = trace[-1][0]
    return (
        Outcome(*row, found.coherence, spent, when, len(found.trace), found.found),
        found.codes,
    )


def start_of(row: Row, kept: dict[str, np.ndarray]) -> np.ndarray | None:
    """The best start among the codes kept for this row, and for more codes with some dropped."""
    options = []
    for name, codes in kept.items():
        field, d, n = name.split("-")
        if (field, int(d)) == (row.field, row.d) and row.n <= int(n) <= row.n + 12:
            kind = "complex" if field == "complex" else "real"
            options.append(as_codes(shed(as_real(codes, kind), row.n, kind), kind))
    return min(options, key=coherence, default=None)


def outcomes(rows: list[Row], options: argparse.Namespace) -> Iterator[tuple[Outcome, np.ndarray]]:
    """Every row's outcome as it comes, from `--workers` processes of one thread each."""
    os.environ.update(ONE_THREAD)
    known = store.published()
    kept = store.load_best() if options.again else {}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        tasks = []
        for row in rows:
            target = None if options.records else known[row].coherence + NEAR
            run = partial(attempt, seconds=options.seconds, clock=options.clock, key=options.seed)
            tasks.append(pool.submit(run, row, target=target, start=start_of(row, kept)))
        for task in as_completed(tasks):
            yield task.result()


def shown(values: dict[Row, float], outcomes: dict[Row, Outcome]) -> Table:
    """`store.summary` for the terminal."""
    table = Table()
    for column in ("field", *store.COUNTED):
        table.add_column(column, justify="right")
    for line in store.summary(values, outcomes):
        table.add_row(*line)
    return table


def resumed(settings: str, fresh: bool) -> list[Outcome]:
    """What the run in the file has done; an InputError where it ran under other settings."""
    held, done = store.load_run()
    if fresh or held is None:
        return []
    if held != settings:
        raise InputError(f"{store.RUN} holds a run of {held}: --fresh forgets it")
    return done


def run(rows: list[Row], options: argparse.Namespace, console: Console) -> None:
    """Run the rows that are left, and keep what comes after every one."""
    settings = f"{options.seconds:g} {options.clock} seconds a row, one thread, seed {options.seed}"
    settings += ", on to records" if options.records else ""
    done = [] if options.again else resumed(settings, options.fresh)
    left = [row for row in rows if row not in {o.row for o in done}]
    known = store.published()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("rows", total=len(rows), completed=len(rows) - len(left))
        for outcome, codes in outcomes(left, options):
            value = store.verified({str(outcome.row): codes})[outcome.row]
            better = store.keep_best(outcome.row, codes)
            done.append(outcome)
            if not options.again:
                store.save_run(settings, done)
            gap = value - known[outcome.row].coherence
            word = "record" if gap < -store.RECORD else "match" if gap <= store.RECORD else "miss"
            progress.console.print(
                f"{outcome.row!s:<14} {value:.12f}  {gap:+.2e}  {word:<6} "
                f"{outcome.seconds:5.1f} s  {outcome.how}{'  (best yet)' if better else ''}"
            )
            progress.advance(bar)
    asked = [o for o in done if o.row in rows]
    console.print(f"This run: {settings}")
    console.print(shown({o.row: o.reached for o in asked}, {o.row: o for o in asked}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", nargs="+", help="such as complex-7-22")
    parser.add_argument("--field", choices=("real", "complex"))
    parser.add_argument("--d", type=int, nargs="+", help="dimensions")
    parser.add_argument("--n", type=int, nargs="+", help="numbers of codes")
    parser.add_argument("--seconds", type=float, default=60.0, help="a row")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help=CLOCK)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", action="store_true", help="spend the whole budget on each row")
    parser.add_argument("--again", action="store_true", help="start from the best ever; no run")
    parser.add_argument("--fresh", action="store_true", help="forget the run in the file")
    parser.add_argument("--check", action="store_true", help="run nothing; verify the codes kept")
    parser.add_argument("--table", action="store_true", help="run nothing; write docs/packings.md")
    options = parser.parse_args()
    console = Console(width=110)
    if options.table:
        from benchmarks.packing_page import write

        console.print(f"wrote {write()}")
        return
    if not options.check:
        try:
            run(chosen(options), options, console)
        except InputError as error:
            parser.error(str(error))
    console.print("Best ever, from the codes kept (records in 50 digits):")
    console.print(shown(store.verified(store.load_best()), {}))


if __name__ == "__main__":
    main()
