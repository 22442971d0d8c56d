"""The cost of the report over one bare ``z.T @ z`` of the same array: ``make bench``.

Every ratio is taken within one run, round by round. The d×d eigenvalues are timed apart: they
depend on d alone, and every method needs them. Compiling is timed with them, each program in a
process of its own, with XLA's own settings and no cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array
from rich.console import Console
from rich.table import Table

from benchmarks import seed_formulas
from benchmarks.timing import in_turn, ratio
from gramax import ClassMoments, latent_geometry_report
from gramax.metrics import report as reporting
from gramax.metrics.registry import METRICS

SIZES = ((20_000, 512, 100), (50_000, 768, 1000), (100_000, 384, 20))
COMPILED: dict[str, Callable[..., Any]] = {
    "report": latent_geometry_report,
    "moments": lambda z, y, c: ClassMoments.of(z, y, c),
    "seed": seed_formulas.report,
}


def before_eigenvalues(z: Array, y: Array, c: int) -> tuple[dict[str, Array], Array]:
    """The report's numbers but the rank, and the covariance it is taken from."""
    sphere, raw = reporting.seed_evidence(z, y, c)
    names = [name for name in reporting.SEED_NAMES if not METRICS[name].spectrum]
    return {name: METRICS[name].value(sphere) for name in names}, raw.covariance


def functions(d: int, c: int) -> dict[str, Callable[..., Any]]:
    """What is timed, each a compiled function of (z, y)."""
    return {
        "bare": jax.jit(lambda z, y: z.T @ z),
        "report": jax.jit(lambda z, y: before_eigenvalues(z, y, c)),
        "moments": jax.jit(lambda z, y: ClassMoments.of(z, y, c)),
        "seed": jax.jit(partial(seed_formulas.report_without_eigenvalues, c=c)),
        "eigenvalues": jax.jit(lambda z, y: jnp.linalg.eigvalsh(z[:d].T @ z[:d])),
    }


def compile_one(name: str, n: int, d: int, c: int) -> float:
    """CPU seconds in which XLA compiles a program of float32 rows."""
    jax.block_until_ready(jax.jit(lambda x: x + 1)(jnp.ones(3)))  # XLA is loaded
    shapes = jax.ShapeDtypeStruct((n, d), jnp.float32), jax.ShapeDtypeStruct((n,), jnp.int32)
    lowered = jax.jit(partial(COMPILED[name], c=c)).lower(*shapes)
    start = time.process_time()
    lowered.compile()
    return time.process_time() - start


def compiling(name: str, *size: int, rounds: int = 3) -> float:
    """The median of `compile_one` in new processes."""
    dropped = "XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR"
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    command = [sys.executable, "-m", "benchmarks.report", "--compile", name, *map(str, size)]
    said = (subprocess.check_output(command, env=env, text=True) for _ in range(rounds))
    return statistics.median(map(float, said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", nargs=4, metavar=("PROGRAM", "N", "D", "C"))
    arguments = parser.parse_args()
    if arguments.compile:
        print(compile_one(arguments.compile[0], *map(int, arguments.compile[1:])))
        return
    table = Table(title=f"Time over one bare z.T @ z ({jax.devices()[0].device_kind})")
    for column in ("n", "d", "c", "bare, ms", "report", "moments", "seed", "eigenvalues, ms"):
        table.add_column(column, justify="right")
    for name in COMPILED:
        table.add_column(f"compiling {name}, CPU s", justify="right")
    for n, d, c in SIZES:
        key, other = jax.random.split(jax.random.key(0))
        z, y = jax.random.normal(key, (n, d)), jax.random.randint(other, (n,), 0, c)
        times = in_turn(functions(d, c), z, y, rounds=arguments.rounds)
        over = {name: f"{ratio(times, name, 'bare'):.2f}" for name in times}
        ms = {name: f"{1e3 * statistics.median(times[name]):.0f}" for name in times}
        compiled = [f"{compiling(name, n, d, c):.1f}" for name in COMPILED]
        table.add_row(
            f"{n:,}", f"{d}", f"{c:,}", ms["bare"], over["report"], over["moments"],
            over["seed"], ms["eigenvalues"], *compiled,
        )  # fmt: skip
    console = Console(width=110)
    console.print(table)
    console.print(
        "report: latent_geometry_report; moments: ClassMoments alone; seed: the seed's formulas; "
        "all three run without the eigenvalues of the d×d covariance, and compile with them."
    )


if __name__ == "__main__":
    main()
