"""What pure chance gives for every number, at the same n, d, class sizes and normalisation.

A number means little alone: 40 dimensions in use out of 64 is poor for a million rows and no more
than chance for a hundred. Closed forms are used where there are (`laws`, `spectrum`); all else is
simulated on drawn moments (`draws`), as often as a budget of work allows: a second or so, whatever
n. `method` says which, and how many draws.
"""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from gramax.arrays import checks
from gramax.arrays.namespace import to_numpy
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance import spectrum  # noqa: F401  (registers its laws)
from gramax.uncertainty.chance.draws import (
    answers_of_codes,
    answers_of_spectrum,
    draw,
    drawn_as_rows,
)
from gramax.uncertainty.chance.laws import LAWS, Chance, Setting

DRAWS, FEWEST_DRAWS = 50, 5
"""Draws where they are cheap: the mean is then known to a seventh of the standard deviation, and
that to a tenth of itself. With fewer than the fewest a spread means nothing."""

HEAVY_TAIL, TAIL_DRAWS = 1.5, 40
"""Times the central spread from which on a standard deviation tells of a heavy tail, and the draws
from which on it shows."""

BUDGET, MAX_WORK, OVERHEAD, DECOMPOSITIONS, PAIRS = 3e9, 1e11, 1.5e7, 15.0, 8.0
"""Multiply-adds of all draws of a group of metrics (half a second or so), and those of the fewest
draws, beyond which a number is left without a baseline (ten seconds). Those of one report: of its
calls, of decompositions in cubes of their side, and of passes over the pairs of classes."""

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


def chance(
    moments: ClassMoments, *, draws: int = DRAWS, key: Any = None, options: Options | None = None
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
    setting = setting_of(moments, options or Options())
    known = _laws(setting)
    missing = [name for name in usable if name not in known]
    # Those that need no decomposition are drawn apart, as they can be drawn more often.
    for spectral in (False, True):
        if names := [name for name in missing if METRICS[name].spectrum == spectral]:
            known |= _simulate(setting, names, spectral, _seed(key), draws)
    return {name: known[name] for name in usable}


def for_answers(moments: ClassMoments, options: Options | None = None) -> dict[str, Chance]:
    """The part of `chance` that is quick and enough for a verdict.

    All numbers of which a law is known, and of those that the five answers are held against the
    rest too, from draws that take some hundredths of a second.

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
        Monte Carlo, 200 draws, seed 0
    """
    setting = setting_of(moments, options or Options())
    one = setting.classes == 1
    usable = {m.name for m in METRICS.of(moments.scatter) if not (one and m.labels)}
    return {name: law for name, law in _answers(setting).items() if name in usable}


def for_codes(moments: ClassMoments, options: Options | None = None) -> dict[str, Chance]:
    """`for_answers` of a codebook, whose codes were summed as one class: each is its own.

    Args:
        moments: of all codes.
        options: as for the numbers that it is compared with.
    """
    whole = setting_of(moments, options or Options())
    setting = replace(whole, counts=(1.0,) * round(whole.rows))
    return _answers(setting)


@lru_cache(maxsize=8)
def _answers(setting: Setting) -> dict[str, Chance]:
    """`for_answers` at these sizes, kept: every snapshot of a run has the same."""
    known, rng = _laws(setting), np.random.default_rng(0)
    missing = [name for name in ANSWERED if name not in known]
    drawn = answers_of_spectrum(setting, rng) if "effective_rank" in missing else {}
    if missing != ["effective_rank"]:
        drawn |= answers_of_codes(setting, rng)
    for name in drawn.keys() & set(missing):
        known[name] = _summary(drawn[name], f"Monte Carlo, {len(drawn[name])} draws, seed 0")
    return {name: law for name, law in known.items() if law.sd >= 0}


def _laws(setting: Setting) -> dict[str, Chance]:
    """What the laws that apply at these sizes say."""
    found = {name: law(setting) for name, law in LAWS.items() if name in METRICS}
    return {name: law for name, law in found.items() if law is not None}


def setting_of(moments: ClassMoments, options: Options) -> Setting:
    """The sizes of the data: of the classes that are present.

    Raises:
        ValueError: the moments hold no rows.
    """
    counts = to_numpy(moments.rows).astype(np.float64).sum(axis=0)
    counts = counts[counts > 0]
    if not counts.size:
        raise ValueError("chance needs the sizes of the data; these moments hold no rows")
    d, n = moments.dim, counts.sum()
    variance = 1 / d
    if not moments.normalize:
        with np.errstate(all="ignore"):
            total = float(Evidence(moments).total_trace)
        usable = math.isfinite(total) and total > 0
        variance = total * n / (max(n - 1, 1) * d) if usable else 1.0
    return Setting(tuple(map(float, counts)), d, moments.normalize, variance, options)


def _seed(key: Any) -> int:
    """An integer seed from an integer, a JAX key or None."""
    if key is None:
        return 0
    try:
        return operator.index(key)
    except TypeError:
        return int.from_bytes(np.array(checks.key_words(key), ">u4").tobytes(), "big")


def _simulate(
    s: Setting, names: list[str], spectral: bool, seed: int, draws: int
) -> dict[str, Chance]:
    """Mean and spread of each metric, over as many draws as the budget allows, `draws` at most.

    Of one draw and its report, a random number costs as much as fifty multiply-adds.
    """
    side = min(s.rows, s.dim)
    drawn = s.rows if drawn_as_rows(s, spectral) else s.classes
    work = OVERHEAD + 50 * drawn * side + PAIRS * s.classes**2 * side
    if spectral:
        rows = drawn if drawn_as_rows(s, True) else side
        work += 50 * side**2 + rows * side**2 + DECOMPOSITIONS * side**3
    if FEWEST_DRAWS * work > MAX_WORK:
        return dict.fromkeys(names, Chance(math.nan, math.nan, "too dear to simulate here"))
    draws = min(draws, max(FEWEST_DRAWS, int(BUDGET / work)))
    table = []
    with np.errstate(all="ignore"):
        for i in range(draws):
            rng = np.random.default_rng([seed, i])
            evidence = Evidence(draw(s, rng, spectral), s.options)
            table.append([float(METRICS[name].value(evidence)) for name in names])
    method = f"Monte Carlo, {draws} draws, seed {seed}"
    columns = zip(names, np.array(table).T, strict=True)
    return {name: _summary(column, method) for name, column in columns}


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
    if defined.size >= TAIL_DRAWS and sd > HEAVY_TAIL * (high - low) / 2:
        return Chance(middle, (high - low) / 2, f"{method}: median and central spread")
    return Chance(mean, sd, method)
