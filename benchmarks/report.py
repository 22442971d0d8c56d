"""The cost of the report over one bare ``z.T @ z`` of the same array: ``make bench``.

Every ratio is taken within one run, round by round. The d×d eigenvalues are timed apart: they
depend on d alone, and every method needs them.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array
from rich.console import Console
from rich.table import Table

from benchmarks import seed_formulas
from benchmarks.timing import in_turn, ratio
from gramax import ClassMoments
from gramax.metrics import report as reporting
from gramax.metrics.registry import METRICS

SIZES = ((20_000, 512, 100), (50_000, 768, 1000), (100_000, 384, 20))


def before_eigenvalues(z: Array, y: Array, c: int) -> tuple[dict[str, Array], Array]:
    """The report's numbers but the rank, and the covariance it is taken from."""
    sphere, raw = reporting.seed_evidence(z, y, c)
    names = [name for name in reporting.SEED_NAMES if not METRICS[name].spectrum]
    return {name: METRICS[name].value(sphere) for name in names}, raw.covariance


def functions(d: int, c: int) -> dict:
    """What is timed, each a compiled function of (z, y)."""
    return {
        "bare": jax.jit(lambda z, y: z.T @ z),
        "report": jax.jit(lambda z, y: before_eigenvalues(z, y, c)),
        "moments": jax.jit(lambda z, y: ClassMoments.of(z, y, c)),
        "seed": jax.jit(partial(seed_formulas.report_without_eigenvalues, c=c)),
        "eigenvalues": jax.jit(lambda z, y: jnp.linalg.eigvalsh(z[:d].T @ z[:d])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    table = Table(title=f"Time over one bare z.T @ z ({jax.devices()[0].device_kind})")
    for column in ("n", "d", "c", "bare, ms", "report", "moments", "seed", "eigenvalues, ms"):
        table.add_column(column, justify="right")
    for n, d, c in SIZES:
        key, other = jax.random.split(jax.random.key(0))
        z, y = jax.random.normal(key, (n, d)), jax.random.randint(other, (n,), 0, c)
        times = in_turn(functions(d, c), z, y, rounds=rounds)
        over = {name: f"{ratio(times, name, 'bare'):.2f}" for name in times}
        ms = {name: f"{1e3 * statistics.median(times[name]):.0f}" for name in times}
        table.add_row(
            f"{n:,}", f"{d}", f"{c:,}", ms["bare"], over["report"], over["moments"],
            over["seed"], ms["eigenvalues"],
        )  # fmt: skip
    console = Console(width=100)
    console.print(table)
    console.print(
        "report: latent_geometry_report; moments: ClassMoments alone; seed: the seed's formulas; "
        "all three without the eigenvalues of the d×d covariance."
    )


if __name__ == "__main__":
    main()
