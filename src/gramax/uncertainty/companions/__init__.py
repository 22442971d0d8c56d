"""Bias-free companions of the numbers that read too well, or too low, where rows are few.

A participation ratio of 77.6 reads 43.9 from 100 rows, and classes look tighter than they are,
since the noise of a class mean counts as distance between classes. A companion estimates the value
of infinitely many rows, by three means:

- Products across the blocks of the jackknife. A mean of products of independent factors is
  unbiased, where a square is not: tr Σ² from blocks a ≠ b is tr(M_a M_b). With one row a block this
  is the estimator of Chun and others 2025 (arXiv 2509.26560, package `dimensionality`, "row").
- The noise of class means taken out: |m_k - m_l|² less v_k/n_k + v_l/n_l, v the unbiased variance.
  This is the mean of products over different rows, the squared crossnobis distance of Walther and
  others 2016 in the Euclidean metric.
- The Marchenko-Pastur law of large matrices, for what is no polynomial of the covariance Σ. With
  df(ρ) = tr S(S+ρ)⁻¹ of the sample's covariance S of f degrees of freedom, and κ = ρ/(1 - df/f):
  tr Σ(Σ+κ)⁻¹ = df(ρ), and ρ(S+ρ)⁻¹ stands for κ(Σ+κ)⁻¹ in any direction (Ledoit & Péché 2011;
  Bach 2024). Where f < d, κ cannot reach 0; what lies below is continued as if the
  rest were one eigenvalue, exact for isotropic rows.

Ratios of unbiased numbers are right to first order. In simulations with n ≥ d/2 companions are
within 5% on average (`tests/test_companions.py`); but the VCI is up to a third too large for n < 2d
where the scatter within classes has a few large directions: it errs to the side of less collapse.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments
from gramax.uncertainty.companions.classes import (
    ClassMeans,
    cdnv,
    nc1_pinv,
    nc1_quotient,
    squared_distances,
    vci,
)
from gramax.uncertainty.companions.ranks import (
    TooFewRowsError,
    effective_rank,
    isoscore,
    participation_ratio,
)

__all__ = ["Companion", "companions", "squared_distances"]


@dataclass(frozen=True)
class Companion:
    """An estimate of a metric at infinitely many rows.

    Attributes:
        value: the estimate, in the units of the metric; NaN where rows are too few for one.
        method: how it is estimated, in words.
        reason: why there is none ("" where there is).

    Example:
        >>> Companion(77.2, "products across blocks").reason
        ''
    """

    value: float
    method: str
    reason: str = ""


def companions(
    blocks: BlockMoments,
    options: Options | None = None,
    *,
    evidence: Evidence | None = None,
) -> dict[str, Companion]:
    """Estimates at infinitely many rows, by the name of the metric that they accompany.

    Args:
        blocks: the moments, kept apart by blocks, with their scatters.
        options: as for the metrics.
        evidence: of all blocks together, where it is at hand: its spectra are not computed again.

    Returns:
        `participation_ratio`, `isoscore` and `effective_rank`; with several classes also `cdnv`,
        `nc1_quotient`, `nc1_pinv`, `nc1_svd` and `vci`. Empty for moments without scatter.

    Example:
        >>> import numpy as np
        >>> z = np.random.default_rng(0).normal(size=(100, 80))
        >>> blocks = BlockMoments.empty(1, 80, normalize=False).update(z, np.zeros(100, int))
        >>> found = companions(blocks)["participation_ratio"]  # 80, from 100 rows
        >>> print(75 < found.value < 85, found.method)
        True products across blocks of rows
    """
    options = options or Options()
    parts = [part.widened() for part in blocks.parts]
    if parts[0].scatter is None:
        return {}
    e = evidence or Evidence(BlockMoments(tuple(parts), 0).whole, options)
    law = "Marchenko-Pastur law" + (", continued below the rows" if e.n <= e.dim else "")
    less, across = "noise of the class means taken out", "products across blocks of rows"
    table: list[tuple[str, str, Callable[[], float]]] = [
        (
            "participation_ratio",
            "products across blocks of rows",
            lambda: participation_ratio(parts, e),
        ),
        ("isoscore", across, lambda: isoscore(parts, e)),
    ]
    if options.center == "global":
        table.append(("effective_rank", law, lambda: effective_rank(e)))
    if int(e.present_count) > 1:
        classes = cache(lambda: ClassMeans.of(e))
        table += [
            ("cdnv", f"{less}, pair by pair", lambda: cdnv(classes())),
            ("nc1_quotient", less, lambda: nc1_quotient(classes())),
            ("nc1_pinv", less, lambda: nc1_pinv(classes())),
            ("nc1_svd", less, lambda: nc1_pinv(classes())),
            ("vci", f"{less}; {law}", lambda: vci(classes(), e)),
        ]
    with np.errstate(all="ignore"):
        return {name: _tried(name, e, method, estimate) for name, method, estimate in table}


def _tried(name: str, e: Evidence, method: str, estimate: Callable[[], float]) -> Companion:
    if reason := METRICS[name].reason(e):
        return Companion(math.nan, method, reason)
    try:
        value = float(estimate())
    except TooFewRowsError as few:
        return Companion(math.nan, method, str(few))
    if not math.isfinite(value):
        return Companion(math.nan, method, "not a number")
    return Companion(value, method)
