"""What pure chance gives for every number, at the same n, d, class sizes and normalisation.

A number means little alone: 40 dimensions in use out of 64 is poor for a million rows and no more
than chance for a hundred. Closed forms are used where there are (`laws`, `spectrum`); all else is
simulated on drawn moments (`draws`), as often as a budget of work allows: a second or so, whatever
n. `method` says which, and how many draws.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gramax.arrays import checks
from gramax.arrays.namespace import to_numpy
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.draws import draw, drawn_as_rows
from gramax.uncertainty.chance.laws import LAWS, Chance, Setting

DRAWS, QUICK_DRAWS = 200, 40
"""Draws where they are cheap: the mean is known to 7% of the sd, the sd to 5% of itself; and those
for a verdict, which asks whether a number lies within three sd: 16% and 11%."""

FEWEST = 5
"""With fewer draws than this a spread means nothing: the number is left without a baseline."""

MANY = 40
"""Draws from which on a heavy tail shows."""

HEAVY = 1.5
"""Times the central spread from which on a standard deviation tells of a heavy tail."""

ANSWERED = (
    "collapse_ratio",
    "scatter_ratio",
    "effective_rank",
    "class_simplex_error_centred",
    "class_largest_cosine",
    "class_coherence",
    "class_frame_potential",
)
"""The numbers that the five answers hold against chance."""

QUICK_BUDGET, BUDGET = 4e8, 4e9
"""Multiply-adds of all draws for a verdict, and to explain: some hundredths of a second, and half
a second or so for each of two groups."""

OVERHEAD = 4e6
"""Multiply-adds that could be done while one metric of small arrays is computed."""

DECOMPOSITIONS = 25.0
"""Multiply-adds of all decompositions of a report, in units of the cube of its side."""


def chance(
    moments: ClassMoments,
    *,
    draws: int = DRAWS,
    key: Any = None,
    options: Options | None = None,
) -> dict[str, Chance]:
    """What each metric would be with no structure at all: isotropic rows, labels dealt at random.

    Args:
        moments: of the data: its class sizes, dimension and normalisation, and for raw rows its
            total scatter, are those of the simulated data. Weights do not matter.
        draws: how often to simulate what has no closed form, where that is cheap; fewer where it
            is dear (see `Chance.method`).
        key: seed of the simulation, an integer or a JAX random key; 0 by default.
        options: as for the numbers that it is compared with.

    Returns:
        Mean and standard deviation by metric name, in float64 on the host. NaN, with the reason
        as its method, where a number is undefined at these sizes or too dear to simulate.

    Raises:
        ValueError: the moments hold no rows, or `draws` is less than 2.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> found = chance(ClassMoments.of(z, np.array([0, 1, 0, 1]), 2), draws=20)
        >>> round(found["scatter_ratio"].mean, 4)  # (n-c)/(n-1)
        0.6667
    """
    if draws < 2:
        raise ValueError(f"a spread needs at least 2 draws; got {draws}")
    usable = [metric.name for metric in METRICS.of(moments.scatter)]
    setting, places = setting_of(moments, options or Options())
    laws = {name: LAWS[name](setting) for name in usable if name in LAWS}
    known = {name: found for name, found in laws.items() if found is not None}
    plan = _Plan(setting, places, moments.num_classes, _seed(key), draws)
    known |= plan.simulate([name for name in usable if name not in known])
    return {name: known[name] for name in usable}


def by_law(moments: ClassMoments, options: Options | None = None) -> dict[str, Chance]:
    """The part of `chance` that needs no simulation: numbers of which a law is known.

    Args:
        moments: of the data, as for `chance`.
        options: as for the numbers that it is compared with.

    Returns:
        What chance gives, by the name of the metric.

    Raises:
        ValueError: the moments hold no rows.

    Example:
        >>> import numpy as np
        >>> found = by_law(ClassMoments.of(np.eye(4), np.array([0, 1, 0, 1]), 2))
        >>> round(found["scatter_ratio"].mean, 4)  # (n-c)/(n-1)
        0.6667
    """
    return _laws(setting_of(moments, options or Options())[0])


def for_answers(moments: ClassMoments, options: Options | None = None) -> dict[str, Chance]:
    """The part of `chance` that is quick and enough for a verdict.

    All numbers of which a law is known, and of those that the five answers are held against the
    rest too, by simulation, where that takes a second at most.

    Args:
        moments: of the data, as for `chance`.
        options: as for the numbers that it is compared with.

    Returns:
        What chance gives, by the name of the metric.

    Raises:
        ValueError: the moments hold no rows.

    Example:
        >>> import numpy as np
        >>> found = for_answers(ClassMoments.of(np.eye(6), np.arange(6) % 3, 3))
        >>> print(found["class_coherence"].method)
        Monte Carlo, 40 draws, seed 0
    """
    setting, places = setting_of(moments, options or Options())
    labelled = len(places) > 1
    usable = [m.name for m in METRICS.of(moments.scatter) if labelled or not m.labels]
    return dict(_answers(setting, tuple(places), moments.num_classes, tuple(usable)))


@lru_cache(maxsize=8)
def _answers(
    setting: Setting, places: tuple[int, ...], num_classes: int, usable: tuple[str, ...]
) -> dict[str, Chance]:
    """`for_answers` at these sizes, kept: every snapshot of a run has the same."""
    known = _laws(setting)
    names = [name for name in ANSWERED if name in usable and name not in known]
    plan = _Plan(setting, np.array(places), num_classes, 0, QUICK_DRAWS)
    found = plan.simulate(names, QUICK_BUDGET)
    return known | {name: law for name, law in found.items() if law.sd >= 0}


def _laws(setting: Setting) -> dict[str, Chance]:
    """What the laws that apply at these sizes say."""
    found = {name: law(setting) for name, law in LAWS.items() if name in METRICS}
    return {name: law for name, law in found.items() if law is not None}


def setting_of(moments: ClassMoments, options: Options) -> tuple[Setting, np.ndarray]:
    """The sizes of the data, and which classes are present.

    Raises:
        ValueError: the moments hold no rows.
    """
    counts = to_numpy(moments.rows).astype(np.float64).sum(axis=0)
    places = np.flatnonzero(counts > 0)
    if not places.size:
        raise ValueError("chance needs the sizes of the data; these moments hold no rows")
    counts, d = counts[places], moments.dim
    variance = 1 / d
    if not moments.normalize:
        with np.errstate(all="ignore"):
            total = float(Evidence(moments).total_trace)
        n = counts.sum()
        observed = total * n / (max(n - 1, 1) * d)
        variance = observed if math.isfinite(total) and total > 0 else 1.0
    sizes = tuple(map(float, counts))
    return Setting(sizes, d, moments.normalize, variance, options), places


def _seed(key: Any) -> int:
    """An integer seed from an integer, a JAX key or None."""
    if key is None:
        return 0
    try:
        return operator.index(key)
    except TypeError:
        return int.from_bytes(np.array(checks.key_words(key), ">u4").tobytes(), "big")


@dataclass(frozen=True)
class _Plan:
    """The simulation of some metrics: how often each, and the doing."""

    setting: Setting
    places: np.ndarray
    num_classes: int
    seed: int
    draws: int

    def simulate(self, names: list[str], budget: float = BUDGET) -> dict[str, Chance]:
        """Mean and spread of each metric, over as many draws as the budget allows.

        Those that need no decomposition are drawn apart, as they can be drawn more often.

        Args:
            names: of the metrics.
            budget: multiply-adds of the draws.
        """
        found = dict.fromkeys(names, Chance(math.nan, math.nan, "too dear to simulate here"))
        spectral = [name for name in names if METRICS[name].spectrum]
        for group in ([name for name in names if name not in spectral], spectral):
            draws = min(self.draws, int(budget / self._work(group))) if group else 0
            if draws >= FEWEST:
                found |= self._run(group, draws)
        return found

    def _work(self, names: list[str]) -> float:
        """Multiply-adds of one draw: a random number costs as much as a hundred of them."""
        s, scatter = self.setting, self._spectral(names)
        of_rows = drawn_as_rows(s, scatter)
        rows, side = (s.rows, min(s.rows, s.dim)) if of_rows else (s.classes, s.dim)
        pairs = s.classes**2 * min(s.dim, s.rows)
        work = OVERHEAD * len(names) + 100 * rows * s.dim + 4 * pairs + of_rows * rows * side**2
        return work + scatter * (100 * side**2 + DECOMPOSITIONS * side**3)

    @staticmethod
    def _spectral(names: Iterable[str]) -> bool:
        return any(METRICS[name].spectrum for name in names)

    def _run(self, names: list[str], draws: int) -> dict[str, Chance]:
        scatter, table = self._spectral(names), []
        with np.errstate(all="ignore"):
            for i in range(draws):
                rng = np.random.default_rng([self.seed, i])
                moments = draw(self.setting, self.places, self.num_classes, rng, scatter)
                evidence = Evidence(moments, self.setting.options)
                table.append([float(METRICS[name].value(evidence)) for name in names])
        method = f"Monte Carlo, {draws} draws, seed {self.seed}"
        return {
            name: _summary(np.array(column), method)
            for name, column in zip(names, zip(*table, strict=True), strict=True)
        }


def _summary(values: np.ndarray, method: str) -> Chance:
    """Mean and sd over the draws in which the number is defined.

    A heavy tail (a pseudo-inverse of few class means has no second moment) would make both
    meaningless: there the median, and half the width of the central 68%, stand for them.
    """
    defined = values[np.isfinite(values)]
    if defined.size < 2:
        return Chance(math.nan, math.nan, "undefined at these sizes")
    if defined.size < values.size:
        method += f", undefined in {values.size - defined.size}"
    mean, sd = float(defined.mean()), float(defined.std(ddof=1))
    low, middle, high = (float(q) for q in np.quantile(defined, (0.1587, 0.5, 0.8413)))
    if defined.size >= MANY and sd > HEAVY * (high - low) / 2:
        return Chance(middle, (high - low) / 2, f"{method}: median and central spread")
    return Chance(mean, sd, method)
