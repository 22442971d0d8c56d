"""How often intervals cover, and two draws of one space are called the same: docs/coverage.md.

``python -m benchmarks.coverage`` takes about half an hour on two cores; ``--draws 20`` a fifth.
``--comparisons`` renews the last table alone.

Rows are drawn from laws that are known (`LAWS`), n at a time. An interval of 95 % is to cover the
mean of its number over samples of this size; that of a companion, what very many rows give; that of
a probe, the share of new rows that get their class. Comparisons are of two draws of one law.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.numerics_page import filled
from gramax import compare
from gramax._files import write_text
from gramax.arrays.rows import unit_rows
from gramax.audits.audit import BLOCKS, audit
from gramax.metrics.bulk import regression_collapse
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments
from gramax.streaming import Request, collect
from gramax.uncertainty.companions import Companion, companions_with_intervals
from gramax.uncertainty.errorbars import ErrorBar, error_bars
from gramax.uncertainty.probes import Worth
from gramax.uncertainty.rows import bars_of_rows

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
SIZES, DIM, MANY, NEW = (60, 200, 1000), 16, 200_000, 40_000
VIEWS, SHOWN, TARGETS = 5, 200, 2
"""Rows of a cluster; the number of rows at which every number is shown; and targets of `nrc1`."""

Shares = dict[str, float]
"""By name, of samples."""

PROBES = {
    "probe": "linear probe",
    "nearest_mean": "nearest mean",
    "nearest_neighbour": "nearest neighbour",
}
INTERVAL_COLUMNS = (
    *("law", "n", "mean at n, %"),
    *("many rows, by the number, %", "many rows, by the companion, %"),
)
COMPARED = (((60, 60), False), ((1000, 1000), False), ((1000, 250), False), ((300, 300), True))


@dataclass(frozen=True)
class Law:
    """A law of rows: its classes, tails, sizes of classes, and whether rows come in clusters."""

    words: str
    classes: int = 4
    tails: float = 0.0
    zipf: bool = False
    clusters: bool = False

    def draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, labels and groups: each row its own where there are no clusters."""
        c, spread = self.classes, np.arange(1, DIM + 1) ** -0.5
        centres = 0.6 * np.random.default_rng(0).normal(size=(c, DIM))
        units = n // VIEWS if self.clusters else n
        share = 1 / np.arange(1, c + 1) if self.zipf else np.ones(c)
        y, noise = rng.choice(c, units, p=share / share.sum()), rng.normal(size=(units, DIM))
        groups = np.arange(units)
        if self.tails:
            noise /= np.sqrt(rng.chisquare(self.tails, (units, 1)) / self.tails)
        if self.clusters:
            groups = np.repeat(groups, VIEWS)
            noise = 0.8 * noise[groups] + 0.6 * rng.normal(size=(len(groups), DIM))
        return spread * (centres[y][groups] + noise), y[groups], groups


LAWS = {
    "Gaussian": Law("four Gaussian classes that overlap"),
    "heavy tails": Law("the same, of Student's t with 3 degrees of freedom", tails=3.0),
    "clusters": Law(f"the same in clusters of {VIEWS} rows, named by `--groups`", clusters=True),
    "Zipf sizes": Law("ten classes, the k-th of a share of 1/k", classes=10, zipf=True),
}


def truth_of(law: Law) -> dict[str, float]:
    """Every number of very many rows."""
    z, y, _ = law.draw(np.random.default_rng(1), MANY)
    e = Evidence(ClassMoments.of(z, y, law.classes))
    found = {metric.name: float(metric.value(e)) for metric in METRICS.of(True)}
    return found | {"nrc1": float(regression_collapse(e, TARGETS))}


@lru_cache(maxsize=1)
def new_rows(law: Law) -> tuple[np.ndarray, np.ndarray]:
    """Directions and classes: so many that their own chance is small beside that of 1,000 rows."""
    rows, right, _ = replace(law, clusters=False).draw(np.random.default_rng(2), NEW)
    return unit_rows(rows).astype(np.float32), right


def right_on_new_rows(worth: Worth, law: Law, z: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How many of new rows get their class, by the classifiers made of all rows."""
    (fresh, right), u, there = new_rows(law), unit_rows(z), np.unique(y)
    means = np.stack([u[y == k].mean(axis=0) for k in there])
    head = np.argmax(fresh @ worth.head.weights.T + worth.head.bias, axis=1)
    near = np.argmax(fresh @ means.T - 0.5 * np.sum(means**2, axis=1), axis=1)
    named = {"probe": there[head], "nearest_mean": there[near]}
    tiles = np.array_split(fresh, 20)
    nearest = [np.argmax(tile @ u.T.astype(np.float32), axis=1) for tile in tiles]
    named["nearest_neighbour"] = y[np.concatenate(nearest)]
    return {name: float(np.mean(one == right)) for name, one in named.items()}


def one_draw(law: Law, n: int, seed: int) -> dict[str, dict[str, tuple[float, ...]]]:
    """Of one sample: the value and the ends of every interval, and those of companions."""
    z, y, groups = law.draw(np.random.default_rng([seed, n]), n)
    groups = groups if law.clusters else None
    collected = collect(Request(z, y, blocks=BLOCKS, groups=groups))
    parts = BlockMoments.of_parts(collected.totals.blocks)
    of_parts = error_bars(parts, targets=TARGETS)
    bars = of_parts | bars_of_rows(z, True, None, groups)
    beside = companions_with_intervals(parts, of_parts, None, collected.groups)
    worth, probes = audit(collected, portrait=False).worth, {}
    if worth:
        true = right_on_new_rows(worth, law, z, y)
        probes = {name: (true[name], one.low, one.high) for name, one in worth.outcomes.items()}
    return {"bars": _told(bars), "companions": _told(beside), "probes": probes}


def _told(found: Mapping[str, ErrorBar | Companion]) -> dict[str, tuple[float, ...]]:
    return {
        name: (one.value, one.low, one.high)
        for name, one in found.items()
        if one.low is not None and one.high is not None
    }


def covered(draws: list[dict[str, tuple[float, ...]]], truth: dict[str, float] | None = None):
    """By name, the share of intervals that hold the truth: by default the mean of the values."""
    found = {}
    for name in {name: None for one in draws for name in one}:
        values, low, high = np.array([one[name] for one in draws if name in one]).T
        if len(values) > len(draws) / 2:
            true = np.mean(values) if truth is None else truth[name]
            found[name] = float(np.mean((low <= true) & (true <= high)))
    return found


def null_comparison(law: Law, sizes: tuple[int, int], paired: bool, seed: int) -> tuple[bool, ...]:
    """Of two draws of one law: whether no number, no pair and no use is said to have changed."""
    rng = np.random.default_rng([seed, *sizes, 7])
    a, b = law.draw(rng, sizes[0]), law.draw(rng, sizes[1])
    if paired:  # two views of the same rows, as noisy
        b = (a[0] + 0.3 * rng.normal(size=a[0].shape), *a[1:])
        a = (a[0] + 0.3 * rng.normal(size=a[0].shape), *a[1:])
    groups = (a[2], b[2]) if law.clusters else (None, None)
    found = compare(a[0], b[0], a[1], b[1], groups=groups[0], groups_b=groups[1], paired=paired)
    kinds = (found.values(), found.moved, found.uses.values())
    return tuple(all(one.kind in ("same", "unknown") for one in some) for some in kinds)


def alone(task: Callable[[int], object], seed: int) -> object:
    """A draw in a worker, with one thread."""
    with threadpool_limits(1):
        return task(seed)


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """As Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (columns, ("---",) * len(columns), *rows)]
    return "\n".join(lines)


def in_percent(shares: dict[str, float]) -> str:
    """The median over numbers, and the least with its name."""
    least = min(shares, key=lambda name: shares[name])
    middle = np.median(list(shares.values()))
    return f"{100 * middle:.0f}; {100 * shares[least]:.0f} (`{least}`)"


def of(draws: list[dict[str, tuple[float, ...]]], names: dict[str, float]) -> list:
    """Draws with these numbers alone."""
    return [{name: one[name] for name in one if name in names} for one in draws]


def covered_each(draws: list[dict[str, tuple[float, ...]]]) -> dict[str, float]:
    """As `covered`, of intervals that have a truth each."""
    found = {}
    for name in PROBES:
        true, low, high = np.array([one[name] for one in draws if name in one]).T
        found[name] = float(np.mean((low <= true) & (true <= high)))
    return found


def by_metric(found: dict[str, tuple[Shares, ...]]) -> str:
    """Each number at `SHOWN` rows: how often its interval covers, by law."""
    rows = []
    for name in found["Gaussian"][0]:
        cells = []
        for law in LAWS:
            at_n, _, beside, _ = found[law]
            more = f" / {100 * beside[name]:.0f}" if name in beside else ""
            cells.append(f"{100 * at_n[name]:.0f}{more}" if name in at_n else "–")
        rows.append((f"`{name}`", *cells))
    return table(("number", *LAWS), rows)


def measured(pool: ProcessPoolExecutor, law: Law, draws: int) -> dict[int, tuple[Shares, ...]]:
    """By n, the shares of intervals that cover.

    Of numbers the mean at n; of those that have companions what many rows give, by the number and
    by the companion; and of probes.
    """
    truth, shares = truth_of(law), {}
    for n in SIZES:
        run = partial(alone, partial(one_draw, law, n))
        found: list = list(pool.map(run, range(draws)))
        bars = [one["bars"] for one in found]
        beside = covered([one["companions"] for one in found], truth)
        plain = covered(of(bars, beside), truth)
        shares[n] = covered(bars), plain, beside, covered_each([one["probes"] for one in found])
    return shares


def unchanged(pool: ProcessPoolExecutor, law: Law, draws: int) -> list[tuple[str, ...]]:
    """By kind of comparison, the shares in which no number, no pair and no use has changed."""
    rows = []
    for sizes, paired in COMPARED:
        run = partial(alone, partial(null_comparison, law, sizes, paired))
        same: list = list(pool.map(run, range(draws)))
        kind = "the same rows" if paired else f"{sizes[0]:,} and {sizes[1]:,} rows"
        rows.append((kind, *(f"{share:.0f}" for share in 100 * np.mean(same, axis=0))))
    return rows


def of_samples(draws: int) -> str:
    """How well the shares of a table are known."""
    points = 100 * math.sqrt(0.95 * 0.05 / draws)
    known = f"one of 95 % is itself known to within {points:.1f} points, two times of three"
    return f"Every share is of {draws} samples: {known}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--comparisons", action="store_true", help="renew their table alone")
    asked = parser.parse_args()
    intervals, probes, nulls, numbers = [], [], [], {}
    with ProcessPoolExecutor(asked.workers) as pool:
        for name, law in LAWS.items():
            nulls += [(name, *row) for row in unchanged(pool, law, asked.draws)]
            shares = {} if asked.comparisons else measured(pool, law, asked.draws)
            for n, (*of_numbers, of_probes) in shares.items():
                intervals.append((name, f"{n:,}", *map(in_percent, of_numbers)))
                probes.append((name, f"{n:,}", *(f"{100 * of_probes[k]:.0f}" for k in PROBES)))
            numbers[name] = shares.get(SHOWN)
            print(f"{name}: done", flush=True)
    heads = "law", "compared", "numbers", "pairs of classes", "uses"
    parts = {"nulls": f"{of_samples(asked.draws)}\n\n{table(heads, nulls)}"}
    if not asked.comparisons:
        parts |= {
            "intervals": table(INTERVAL_COLUMNS, intervals),
            "probes": table(("law", "n", *PROBES.values()), probes),
            "numbers": by_metric(numbers),
            "draws": of_samples(asked.draws),
            "laws": "\n".join(f"- **{name}**: {law.words}." for name, law in LAWS.items()),
        }
    write_text(PAGE, filled(PAGE.read_text(encoding="utf-8"), parts))


if __name__ == "__main__":
    main()
