"""How often a reference cries wolf: `python -m benchmarks.references`.

Numbers with labels are held against shuffled labels. Here labels are shuffled, so that there is
nothing to find, and it is counted in how many of 300 draws a number lies more than three deviations
away: in at most 1 % it ought to (of a normal law .27 %). Rows are isotropic, have a spectrum 1/i or
1/i^1.5, are rectified, or are handwritten digits; classes are of one size or by Zipf's law; class
means are permuted, or drawn from their law as of many rows. Numbers without labels are held against
normal rows, and noise: there rows are drawn that are just that.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.chance.shuffled import shuffled
from gramax.uncertainty.references import references

DRAWS, CLASSES, ALLOWED = 300, 10, 0.01
POWERS = {"isotropic": 0.0, "spectrum 1/i": 1.0, "spectrum 1/i^1.5": 1.5}


def spaces(rng: np.random.Generator, n: int = 600, d: int = 32) -> Iterator[tuple[str, np.ndarray]]:
    """Rows of each kind."""
    for name, power in POWERS.items():
        yield name, normal(rng, power, n, d)
    yield "rectified", np.maximum(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)), 0)
    from sklearn.datasets import load_digits

    yield "digits", load_digits().data


def normal(rng: np.random.Generator, power: float, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, d)) * np.arange(1, d + 1.0) ** (-power / 2)


def planted(rng: np.random.Generator) -> np.ndarray:
    """Three strong directions in noise."""
    axes = 4 * np.linalg.qr(rng.normal(size=(60, 3)))[0]
    return rng.normal(size=(300, 60)) + rng.normal(size=(300, 3)) @ axes.T


UNLABELLED = {
    **{name: partial(normal, power=power, n=200, d=12) for name, power in POWERS.items()},
    "strong directions": planted,
}


def sizes(n: int, zipf: bool) -> np.ndarray:
    """Classes of one size, or by Zipf's law."""
    if not zipf:
        return np.arange(n) % CLASSES
    share = np.cumsum(1 / np.arange(1, CLASSES + 1))
    return np.searchsorted(share / share[-1], (np.arange(n) + 0.5) / n)


def beyond(law: dict[str, Chance], draws: list[dict[str, float]]) -> dict[str, float]:
    """In what share of the draws each number lies more than three deviations away."""
    return {
        name: float(np.mean([abs(one.z(draw[name])) > 3 for draw in draws]))
        for name, one in law.items()
        if name in draws[0]
    }


def with_labels(
    rows: np.ndarray, y: np.ndarray, permuted: bool, draws: int, seed: int
) -> dict[str, float]:
    """Of these rows, with labels shuffled again and again."""
    law = shuffled(ClassMoments.of(rows, y, CLASSES), rows if permuted else None)
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        e = Evidence(ClassMoments.of(rows, rng.permutation(y), CLASSES))
        found.append({name: float(METRICS[name].value(e)) for name in law})
    return beyond(law, found)


def without_labels(
    draw: Callable[[np.random.Generator], np.ndarray], draws: int, seed: int
) -> dict[str, float]:
    """Of normal rows, drawn again and again; each has references of its own."""
    counts: dict[str, list[bool]] = {}
    for k in range(draws):
        x = draw(np.random.default_rng([seed, k])).astype(np.float32)
        e, rows = Evidence(ClassMoments.of(x, np.zeros(len(x), int), 1)), RowEvidence(x, True)
        law = references(e, x, labelled=False, codes=False, every=True)
        for name, one in law.items():
            metric = METRICS[name]
            value = metric.of_rows(rows) if metric.compute is None else metric.value(e)
            counts.setdefault(name, []).append(abs(one.z(float(value))) > 3)
    return {name: float(np.mean(found)) for name, found in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    table, console = Table("rows", "classes", "means", "numbers", "above 1 %", "worst"), Console()
    rng = np.random.default_rng(given.seed)
    cases = [
        (name, x, zipf, permuted)
        for name, x in spaces(rng)
        for zipf in (False, True)
        for permuted in (True, False)
    ]
    for name, x, zipf, permuted in track(cases, "labels", console=Console(stderr=True)):
        found = with_labels(x, sizes(len(x), zipf), permuted, given.draws, given.seed)
        how = "permuted" if permuted else "by their law"
        table.add_row(name, "Zipf" if zipf else "alike", how, *_told(found))
    for name, draw in track(UNLABELLED.items(), "no labels", console=Console(stderr=True)):
        found = without_labels(draw, given.draws, given.seed)
        table.add_row(name, "–", "normal rows", *_told(found))
    console.print(table)


def _told(found: dict[str, float]) -> tuple[str, str, str]:
    often = {name: share for name, share in found.items() if share > ALLOWED}
    name = max(found, key=lambda one: found[one])
    return str(len(found)), ", ".join(often) or "none", f"{found[name]:.1%} ({name})"


if __name__ == "__main__":
    main()
