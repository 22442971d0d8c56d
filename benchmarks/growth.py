"""How time and memory grow with rows, dimensions and classes: ``python -m benchmarks.growth``.

Every point is a process of its own, so that its peak memory is its own; another compiles its
programs before, because compiling takes more memory than most points. Rows are made a chunk at a
time and added to `ClassMoments`; only the additions are timed, then the report. Seconds are of CPU
time, all threads together, which hold on a machine that has other work. An exponent of 1 means:
twice as much costs twice as much.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

BASE = {"n": 100_000, "d": 64, "c": 10}
SWEEPS = {
    "n": ({}, (10_000, 100_000, 1_000_000, 10_000_000)),
    "d": ({}, (64, 256, 1024, 2048)),
    "c": ({"n": 400_000}, (10, 100, 1000, 10_000, 100_000)),
}
"""What grows, what is set apart from `BASE`, and the sizes."""

MEASURED = ("stream", "report", "stream_peak", "report_peak")


def chunk_rows(n: int, d: int, c: int) -> int:
    """Rows added at a time: 16 MiB of them, or four a class where that is more."""
    return min(n, max(4 * c, 2**22 // d))


def peak() -> float:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def point(n: int, d: int, c: int, compile_only: bool = False) -> dict[str, float]:
    """Seconds and MiB of one size, in this process."""
    import jax
    import jax.numpy as jnp

    import gramax

    size = chunk_rows(n, d, c)
    turns = jax.random.uniform(jax.random.key(1), (d,), maxval=2 * math.pi)

    @jax.jit
    def rows(key):
        y = jax.random.randint(key, (size,), 0, c)
        return 2 * jnp.cos(jnp.outer(y, turns)) + jax.random.normal(key, (size, d)), y

    moments = gramax.ClassMoments.empty(c, d)
    example = rows(jax.random.key(0))
    add = jax.jit(gramax.ClassMoments.update).lower(moments, *example).compile()
    report = jax.jit(gramax.report).lower(moments).compile()
    if compile_only:
        return {}
    idle, stream = peak(), 0.0
    for i in range(math.ceil(n / size)):
        example = jax.block_until_ready(rows(jax.random.key(i)))
        start = time.process_time()
        moments = jax.block_until_ready(add(moments, *example))
        stream += time.process_time() - start
    stream_peak, start = peak(), time.process_time()
    jax.block_until_ready(report(moments))
    seconds = time.process_time() - start
    n = size * math.ceil(n / size)
    return {
        "n": n, "d": d, "c": c, "stream": stream, "report": seconds,
        "stream_peak": stream_peak - idle, "report_peak": peak() - idle,
    }  # fmt: skip


def apart(*arguments: object) -> dict[str, float]:
    """What this module prints in a process of its own, its programs compiled by one before it."""
    command = [sys.executable, "-m", "benchmarks.growth", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": cache,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        }
        for extra in (["--compile"], []):
            done = subprocess.run([*command, *extra], capture_output=True, text=True, env=env)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def exponent(x: list[float], y: list[float]) -> float:
    """The slope of log y against log x by least squares: y grows as x to this power.

    Example:
        >>> round(exponent([1, 10, 100], [3, 300, 30000]), 6)
        2.0
    """
    u, v = [math.log(a) for a in x], [math.log(b) for b in y]
    u0, v0 = sum(u) / len(u), sum(v) / len(v)
    slopes = sum((a - u0) * (b - v0) for a, b in zip(u, v, strict=True))
    return slopes / sum((a - u0) ** 2 for a in u)


def show(console: Console, name: str, results: list[dict[str, float]]) -> None:
    """One table: a line a size, then the exponents over all sizes and over the last two."""
    table = Table(title=f"Growth with {name}")
    heads = "n", "d", "c", "moments, s", "rows/s", "report, s", "moments, MiB", "and report"
    for head in heads:
        table.add_column(head, justify="right")
    for r in results:
        table.add_row(
            f"{r['n']:,}", f"{r['d']:,}", f"{r['c']:,}", f"{r['stream']:.3g}",
            f"{r['n'] / r['stream']:.3g}", f"{r['report']:.3g}",
            f"{r['stream_peak']:.0f}", f"{r['report_peak']:.0f}",
        )  # fmt: skip
    for label, some in (("exponent", results), ("last two", results[-2:])):
        powers = [exponent([r[name] for r in some], [r[m] for r in some]) for m in MEASURED]
        stream, report, *peaks = (f"{round(p, 2) + 0:.2f}" for p in powers)
        table.add_row(label, "", "", stream, "", report, *peaks, style="bold")
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Every sweep, or one point of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--point", type=int, nargs=3, metavar=("N", "D", "C"))
    parser.add_argument("--compile", action="store_true", help="only compile the point")
    options = parser.parse_args(arguments)
    if options.point:
        print(json.dumps(point(*options.point, options.compile)))
        return
    from benchmarks import updates  # loads JAX, as a point in a process of its own does not expect

    console = Console(width=100)
    for name, (changed, sizes) in SWEEPS.items():
        cases = [BASE | changed | {name: size} for size in sizes]
        show(console, name, [apart("--point", p["n"], p["d"], p["c"]) for p in cases])
    updates.main()
    console.print("MiB: the most held, beyond what Python, JAX and the programs hold when idle.")


if __name__ == "__main__":
    main()
