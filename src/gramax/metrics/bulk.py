"""Question 2, beyond ranks: how far from uniform, and what of the spectrum is no noise.

Noise has a spectrum too: eigenvalues of n isotropic rows spread over the law of Marchenko and
Pastur, the *bulk*. What lies above all of it is a direction of its own.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from gramax._shapes import Float
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled
from gramax.metrics.evidence import DOUBT, Evidence
from gramax.metrics.functions import declares, moments_of, of_rows
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SCALED, SQUARED, Condition

TRACY_WIDOM_99 = 2.0234
"""The 99 % quantile of the Tracy-Widom law of real matrices: noise stands out once in 100."""

_SHARED: dict[str, Any] = {
    "question": "rank",
    "direction": "neither",
    "undefined": (*SQUARED, "few_rows", "no_scatter"),
    "labels": False,
    "spectrum": True,
}
_of_rows = partial(of_rows, **_SHARED)


def _hidden_words(e: Evidence) -> str:
    return "it hangs on eigenvalues below the rounding of float32 sums: use float64"


# -- distance from uniform ----------------------------------------------------------------------


def _wasserstein(e: Evidence) -> Float[Array, ""]:
    """√(2 - 2 tr Σ^½/√(d E|x|²))."""
    xp, values = e.xp, e.fine_eigenvalues * (e.n - 1) / e.n
    root = xp.sum(safe_sqrt(ratio(values, ratio(e.square_sum, e.weight)))) / math.sqrt(e.dim)
    return safe_sqrt(xp.maximum(2 - 2 * root, 0 * root))


def _hidden(e: Evidence) -> tuple[Array, Array]:
    """How many eigenvalues float32 sums hide, and what none of them exceeds."""
    if e.exact:
        return e.zero, e.zero
    return e.hidden(e.fine_eigenvalues, e.n - 1), e.hidden_size(e.fine_eigenvalues)


def _root_hangs(e: Evidence) -> Array:
    """Whether roots of eigenvalues that float32 sums hide would change it by 1 %."""
    hidden, size = _hidden(e)
    share = safe_sqrt(ratio(size, ratio(e.square_sum, e.weight)))
    return hidden * share / math.sqrt(e.dim) > 0.005


CONDITIONS["hidden_root"] = Condition(
    "eigenvalues below the rounding of float32 sums that would change it by 1 %",
    _root_hangs,
    _hidden_words,
)

wasserstein_uniformity = _of_rows(
    name="wasserstein_uniformity",
    meaning="distance of the rows from rows spread alike over all dimensions",
    formula="√(|μ|² + 1 + tr Σ - (2/√d) tr Σ^½), the 2-Wasserstein distance of N(μ, Σ) from "
    "N(0, I/d), Σ with divisor n",
    source="Fang et al. 2024, arXiv 2403.00642",
    interval=(0.0, math.sqrt(2)),
    best="0 (the rows' mean is 0, all dimensions alike)",
    direction="lower",
    undefined=(*SQUARED, "few_rows", "no_length", "hidden_root"),
    compute=_wasserstein,
    invariant=SCALED,
    degenerate="√2 for coinciding rows",
    variants="rows that are not on the sphere are taken in units of their root mean square length; "
    "unlike uniformity it sees dimensions that are lost",
    example="0.3204",
)

# -- bulk and outliers --------------------------------------------------------------------------


def _outliers(e: Evidence) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """How many eigenvalues isotropic rows would not have, and the share of all others.

    Those above what is exceeded once in 100 times by the largest of as many isotropic rows of the
    same variance.
    """
    xp, values, root = e.xp, e.fine_eigenvalues, math.sqrt(e.dim)
    total, free = xp.sum(values), safe_sqrt(e.only(e.n > 1, e.n - 1))
    side = free + root
    width = side * (ratio(1.0, free) + 1 / root) ** (1 / 3)
    edge = ratio(side**2 + TRACY_WIDOM_99 * width, free**2)
    out = values > edge * total / e.dim
    return e.count(out), ratio(xp.sum(e.only(~out, values)), total)


def _bulk_hangs(e: Evidence) -> Array:
    """Whether eigenvalues that float32 sums hide would change the share by 1 %."""
    hidden, size = _hidden(e)
    total = e.xp.sum(e.fine_eigenvalues)
    return hidden * size > DOUBT * e.once(_outliers)[1] * total


CONDITIONS["hidden_bulk"] = Condition(
    "eigenvalues below the rounding of float32 sums that would change it by 1 %",
    _bulk_hangs,
    _hidden_words,
)


outlier_directions = _of_rows(
    name="outlier_directions",
    meaning="number of directions of more variance than noise of the same total would have",
    formula="how many λ > σ²((√f + √d)² + 2.02 (√f + √d)(1/√f + 1/√d)^⅓)/f, λ the covariance "
    "eigenvalues, σ² their mean, f = n-1: the largest of noise lies above once in 100 times",
    source="Horn 1965; Johnstone 2001",
    interval=(0.0, float("inf")),
    best="c-1 for collapsed classes; 0 for noise",
    compute=lambda e: e.once(_outliers)[0],
    invariant=frozenset({"rotation", "permutation", "scale", "translation"}),
    degenerate="at most 1 for rows on a line",
    variants="noise exceeds the edge (1 + √(d/n))²σ² of Marchenko & Pastur one time in six",
    example="0.0",
)

bulk_share = _of_rows(
    name="bulk_share",
    meaning="share of the variance in directions that do not stand out",
    formula="Σ_{i>k} λ_i/Σλ, k the outlier_directions",
    source="Horn 1965; Johnstone 2001",
    interval=(0.0, 1.0),
    best="0 for collapsed classes; 1 for noise",
    undefined=(*_SHARED["undefined"], "hidden_bulk"),
    compute=lambda e: e.once(_outliers)[1],
    invariant=frozenset({"rotation", "permutation", "scale", "translation"}),
    degenerate="1 for rows on a line that are few, 0 for many",
    example="1.0",
)

# -- continuous targets -------------------------------------------------------------------------


def regression_collapse(e: Evidence, targets: int) -> Float[Array, ""]:
    """NRC1 of evidence; NaN where that many directions hold all variance of any rows."""

    def share(e: Evidence) -> Float[Array, ""]:
        values = e.xp.flip(e.eigenvalues)
        value = 1 - ratio(e.xp.sum(values[:targets]), e.xp.sum(values))
        trivial = (targets >= e.dim) | (targets >= e.n - 1)
        return e.xp.where(trivial, e.xp.nan, e.xp.maximum(value, 0 * value))

    return METRICS["nrc1"].value(e, share)


@declares(
    **{**_SHARED, "question": "collapse", "direction": "lower"},
    needs=frozenset({"targets"}),
    meaning="share of the variance that as many directions as there are targets leave out",
    formula="1 - Σ_{i≤t} λ_i/Σλ, λ the covariance eigenvalues, t the number of targets",
    source="Andriopoulos et al. 2024 (NRC1); arXiv 2510.01105",
    interval=(0.0, 1.0),
    best="0 (features of a regression have collapsed to the directions of the targets)",
    invariant=MOVED,
    abbreviation="NRC1",
    degenerate="NaN for as many targets as dimensions, or rows less one",
    arguments={
        "z": "`[n, d]` embeddings, not normalised here",
        "targets": "how many continuous targets there are that do not follow from each other",
    },
)
@compiled("targets")
def nrc1(z: Any, targets: int) -> Float[Array, ""]:
    """Neural regression collapse: variance outside the leading directions, one for each target.

    Example:
        >>> import numpy as np
        >>> cross = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(round(float(nrc1(cross, 1)), 6))
        0.1
    """
    if targets < 1:
        raise ValueError(f"there is at least one target; got {targets}")
    return regression_collapse(Evidence(moments_of(z)), targets)
