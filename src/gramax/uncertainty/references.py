"""What each number of an audit is held against, by what it is of.

Numbers with labels: these very rows under shuffled labels. Numbers of the spectrum: the strong
directions of these rows in noise that is alike in all others, where there is such noise. Numbers of
neighbours: normal rows of the same mean and covariance. Numbers of a codebook: codes in all
directions alike. Where none of these says anything, a number is held against nothing.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gramax._shapes import Float
from gramax.arrays.rows import unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.baselines import chance, for_answers, setting_of
from gramax.uncertainty.chance.draws import as_moments, isotropic_scatter
from gramax.uncertainty.chance.laws import GAUSSIAN, NOISE, Chance, Setting
from gramax.uncertainty.chance.shuffled import shuffled, shuffled_answers, summed_up
from gramax.uncertainty.chance.spectrum import Spectrum, purity, unbiased_squares
from gramax.uncertainty.rows import MIN_ROWS, chance_of_rows

DRAWS, MAX_WORK, MAX_WEIGHED = 20, 4e9, 2000
"""Draws of normal rows and of noise; multiply-adds of one beyond which there are none; and rows of
which the lengths are looked at."""

SURE_EDGE, NOISE_SHARE, NOISE_DIRECTIONS, NOISE_FIT = 3.0, 0.5, 32, 3.0
"""Deviations above the law of the largest eigenvalue of noise from which on a direction is strong;
the share and number of directions that noise must hold beside strong ones; and deviations by which
the squares of its eigenvalues may differ from what noise gives."""


def references(
    evidence: Evidence,
    rows: Float[np.ndarray, "m d"],
    *,
    labelled: bool,
    codes: bool,
    every: bool = False,
) -> dict[str, Chance]:
    """What numbers are held against, by the name of the metric.

    Args:
        evidence: of moments in float64.
        rows: the rows themselves, or a sample of them.
        labelled: whether there are labels.
        codes: whether the rows are a codebook.
        every: all numbers; else what is quick and enough for a verdict.
    """
    moments, options = evidence.moments, evidence.options
    n, d, normalize = len(rows), moments.dim, moments.normalize
    counts = np.asarray(moments.rows).sum(axis=0)
    found = for_answers(moments, options)
    trace = float(evidence.total_trace)
    if not (math.isfinite(trace) and trace > 0):
        return {}  # all numbers are undefined, or at an end of what they can be
    if codes or moments.scatter is None:
        if every:
            found = chance(moments, options=options) | found
            found = chance_of_rows(n, d, normalize) | found
    else:
        found = _noise(evidence, rows, found, every)
        if labelled and np.sum(counts > 0) > 1 and np.max(counts) > 1:
            found |= (shuffled if every else shuffled_answers)(moments, rows, options)
        if every:
            found |= normal_rows(rows, normalize, int(np.sum(counts)))
    return {name: one for name, one in found.items() if one.sd >= 0}


# -- noise beside strong directions ---------------------------------------------------------------


def strong_directions(
    evidence: Evidence, rows: Float[np.ndarray, "m d"]
) -> tuple[int, float] | None:
    """How many eigenvalues stand out of a bulk of noise, and of how many normal rows that bulk is.

    None where there is no such bulk. Eigenvalues count as strong, from the largest down, while they
    lie beyond what the largest of as many as remain would be in noise (Johnstone 2001). What
    remains is noise if it holds half of the directions at least and its eigenvalues vary as those
    of noise do.
    """
    setting = setting_of(evidence.moments, evidence.options)
    values = np.sort(np.asarray(evidence.eigenvalues))[::-1]
    values, as_normal = values[values > 0], _as_normal(evidence, rows, setting)
    tails = np.cumsum(values[::-1])[::-1]
    for k in range(math.floor(len(values) * (1 - NOISE_SHARE)) + 1):
        rank = len(values) - k
        if rank < (NOISE_DIRECTIONS if k else 2):
            break
        longer = max(as_normal[k] - 1, setting.dim)
        noise = Spectrum(rank, longer - k)
        mean, sd = noise.largest()
        if values[k] <= (mean + SURE_EDGE * sd) * tails[k] / rank:
            short, long = (rank, longer - k) if setting.rows > setting.dim else (longer - k, rank)
            expected, sd = purity(long + 1, round(short), False, True)
            seen = float(np.sum(values[k:] ** 2)) / tails[k] ** 2
            return (k, float(as_normal[k])) if abs(seen - expected) < NOISE_FIT * sd else None
    return None


def _as_normal(
    evidence: Evidence, rows: Float[np.ndarray, "m d"], setting: Setting
) -> Float[np.ndarray, " d"]:
    """How many normal rows have as wide a bulk as these without their k strongest directions.

    Rows on the sphere that differ along strong directions have unequal lengths in all others, w²,
    and count for (Σw²)²/Σw⁴ rows of one length, r/(r+2) of them for normal ones in r dimensions:
    then tr A² is the same. Of fewer rows than dimensions it is their own number.
    """
    known = np.full(setting.dim, setting.rows)
    if setting.rows <= setting.dim or len(rows) <= setting.dim:
        return known
    x = np.asarray(rows[:MAX_WEIGHED], np.float64)
    x = unit_rows(x) if setting.normalize else x / max(float(np.max(np.abs(x))), 1e-300)
    x = x - np.mean(x, axis=0) if setting.options.center == "global" else x
    squares = (x @ np.linalg.eigh(evidence.covariance)[1]) ** 2
    left = np.cumsum(squares, axis=1)[:, ::-1]
    even = np.mean(left, axis=0) ** 2 / np.maximum(np.mean(left**2, axis=0), 1e-300)
    side = setting.dim - np.arange(setting.dim)
    return known * even * (side + 2) / side


def _noise(
    evidence: Evidence,
    rows: Float[np.ndarray, "m d"],
    isotropic: dict[str, Chance],
    every: bool,
) -> dict[str, Chance]:
    """The numbers of the spectrum; of noise without a strong direction the rank is known."""
    bulk = strong_directions(evidence, rows)
    if bulk is None:
        return {}
    found, strong = {}, bulk[0]
    if strong == 0 and "effective_rank" in isotropic:
        found["effective_rank"] = replace(isotropic["effective_rank"], reference=NOISE)
    if not every or min(len(evidence.eigenvalues), float(evidence.n)) ** 3 > MAX_WORK / 10:
        return found
    names = [m.name for m in METRICS.of(evidence.moments.scatter) if m.spectrum and not m.labels]
    # Strong directions stay as they are, and of the largest alone these numbers are made.
    names = [name for name in names if not (strong and name in ("nesum", "stable_rank"))]
    table = []
    with np.errstate(all="ignore"):
        for i in range(DRAWS):
            drawn = Evidence(_noisy(evidence, *bulk, np.random.default_rng(i)), evidence.options)
            table.append([float(METRICS[name].value(drawn)) for name in names])
    how = f"{strong} strong directions in noise"
    columns = zip(names, np.array(table).T, strict=True)
    return {name: summed_up(values, NOISE, how) for name, values in columns} | found


def _noisy(evidence: Evidence, strong: int, count: float, rng: np.random.Generator) -> ClassMoments:
    """Moments of rows with the strong directions of these, and noise in all others."""
    whole = setting_of(evidence.moments, evidence.options)
    values, vectors = np.linalg.eigh(evidence.covariance * (whole.rows - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    normal = whole.normalize and whole.rows <= whole.dim
    rest = replace(whole, counts=(count - strong,), dim=whole.dim - strong, normalize=normal)
    noise = isotropic_scatter(rest, rng)
    noise *= np.sum(values[strong:]) / np.trace(noise)
    side = strong + len(noise)
    scatter = np.zeros((side, side))
    scatter[:strong, :strong] = np.diag(values[:strong])
    scatter[strong:, strong:] = noise
    mean = (evidence.row_share @ evidence.origin_means) @ vectors
    middle = np.zeros((1, side))
    middle[0, :strong] = mean[:strong]
    middle[0, -1] = np.linalg.norm(mean[strong:])
    one: Setting = replace(whole, counts=(whole.rows,))
    return as_moments(one, middle, np.array([np.trace(scatter)]), scatter)


# -- normal rows ----------------------------------------------------------------------------------


def normal_rows(rows: Float[np.ndarray, "m d"], normalize: bool, n: int) -> dict[str, Chance]:
    """Numbers of neighbours of normal rows with the mean and covariance of these.

    The rows are drawn as they lie, and put on the sphere as these are. None where the rows are a
    sample of the `n` that there are, or too many to be drawn.
    """
    m, d = rows.shape
    if m < max(n, MIN_ROWS + 1) or float(m) * m * d > MAX_WORK:
        return {}
    x = np.asarray(rows, np.float64)
    scale = max(float(np.max(np.abs(x))), np.finfo(float).tiny)
    middle = np.mean(x / scale, axis=0)
    values, vectors = np.linalg.eigh(np.cov(x.T / scale).reshape(d, d))
    length = float(middle @ middle)  # of which as much is due to so few rows:
    middle *= math.sqrt(max(1 - float(np.sum(values)) / m / length, 0.0)) if length > 0 else 0.0
    root = np.sqrt(_unspread(np.maximum(values, 0), m - 1))[:, None] * vectors.T
    # The mean cosine is that of the mean and covariance: normal rows have the same.
    metrics = [one for one in METRICS.of_rows(normalize) if one.name != "mean_cosine"]
    rng, table = np.random.default_rng(0), []
    for _ in range(DRAWS):
        drawn = rng.standard_normal((m, d)) @ root + middle
        seen = RowEvidence(drawn.astype(np.float32), normalize)
        with np.errstate(all="ignore"):
            table.append({one.name: float(one.of_rows(seen)) for one in metrics})  # type: ignore[misc]
    how = "normal rows of the same mean and covariance"
    columns = {name: np.array([one[name] for one in table]) for name in table[0]}
    return {name: summed_up(values, GAUSSIAN, how) for name, values in columns.items()}


def _unspread(values: Float[np.ndarray, " d"], free: int) -> Float[np.ndarray, " d"]:
    """Eigenvalues of few rows, which lie too far apart, drawn to their mean (Ledoit & Wolf 2004).

    As far as their squares, without their bias for normal rows, ask for.
    """
    mean, d = float(np.mean(values)), len(values)
    spread = float(np.sum((values - mean) ** 2))
    total = float(np.sum(values))
    unbiased = unbiased_squares(total, float(np.sum(values**2)), free)
    left = max(unbiased - total**2 / d, 0.0) / spread if spread > 0 else 0.0
    return mean + math.sqrt(min(left, 1.0)) * (values - mean)
