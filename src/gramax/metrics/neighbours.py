"""Metrics of the neighbours of every row: the intrinsic dimension, and hubs.

Points closer than rounding are one point: copies of a row, exact or changed in the last digits,
count once. What the metrics of rows share, their neighbours and the sum over all pairs that
uniformity needs, `RowEvidence` computes in one pass.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from array_api_compat import is_numpy_array

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.linalg import ratio
from gramax.arrays.namespace import Array, compiled, namespace, segment_sum
from gramax.arrays.nearest import Neighbours, mean_potential, nearest, nearest_on_host
from gramax.arrays.nearest_host import POTENTIAL_SHARPNESS, Progress
from gramax.arrays.rows import unit_rows
from gramax.metrics.functions import declares
from gramax.metrics.pairs import uniformity_of
from gramax.metrics.registry import METRICS

HUB_NEIGHBOURS, MLE_NEIGHBOURS = 10, 20
"""Neighbours that hubness and the maximum likelihood dimension look at, as published."""


class RowEvidence:
    """What the metrics of rows share, each computed at most once.

    Attributes:
        x: `[n, d]` the rows, as they were given.
        normalize: whether they are taken on the unit sphere.
        progress: told the share of the work on all pairs that is done, from 0 to 1.
    """

    def __init__(
        self,
        x: Float[Array, "n d"],
        normalize: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Of rows that are finite, and not zero where they are on the sphere.

        Give the rows as they were read, and `normalize`: copies are told by the rounding of the
        rows as they are, which rows that are normalised in a wider dtype no longer show.
        """
        self.x, self.normalize, self.progress = x, normalize, progress
        self.xp: Any = namespace(x)

    @property
    def neighbours(self) -> Neighbours:
        """Of every row, as many as any metric asks for."""
        return self._pairs[0]

    @property
    def copies(self) -> int:
        """How many rows are copies of another, and no points of their own."""
        return int(self.neighbours.copies)

    @cached_property
    def uniformity(self) -> Float[Array, ""]:
        """Of the directions of all rows; on the host a sum of float32, right to about 1e-6."""
        if not is_numpy_array(self.x):
            return uniformity_of(self.x, POTENTIAL_SHARPNESS)
        mean = self._pairs[1] if self.normalize else mean_potential(self.x, self._part(1))
        return np.minimum(np.log(mean), 0.0) if mean > 0 else np.float64(np.nan)

    @cached_property
    def _pairs(self) -> tuple[Neighbours, float]:
        """The neighbours, and the mean potential where one pass gives both."""
        x = self.x
        if not is_numpy_array(x):
            return nearest(unit_rows(x) if self.normalize else x, MLE_NEIGHBOURS), np.nan
        return nearest_on_host(x, MLE_NEIGHBOURS, self.normalize, self.normalize, self._part(0))

    def _part(self, which: int) -> Progress | None:
        """The progress of one pass: raw rows need two, since their directions are others."""
        tell = self.progress
        if tell is None or self.normalize:
            return tell
        return lambda done: tell((which + done) / 2)


_SHARED: dict[str, Any] = {"labels": False, "needs": frozenset({"rows"})}
_ROWS = "`[n, d]` rows, not normalised here; copies of a row, up to rounding, are one point"

# -- intrinsic dimension ------------------------------------------------------------------------


@declares(
    **_SHARED,
    question="rank",
    meaning="intrinsic dimension, from the distances to the two nearest neighbours",
    formula="slope through 0 of -log(1 - i/N) on log(r₂/r₁), sorted, its top tenth discarded",
    source="Facco et al. 2017",
    best="the dimension that the data has",
    direction="neither",
    of_rows=lambda e: _two_nn(e.neighbours, 0.1),
    degenerate="NaN for fewer than three distinct rows, or where all are equally far apart; "
    "copies of a row are one point",
    abbreviation="TwoNN",
    variants="scikit-dimension counts i from 0; the maximum likelihood form is N/Σ log(r₂/r₁)",
    arguments={
        "x": _ROWS,
        "discard": "share of the rows, those with the largest ratios, that the fit leaves out",
    },
)
def two_nn(x: Any, discard: float = 0.1) -> Float[Array, ""]:
    """Intrinsic dimension from the ratio of the distances to the two nearest neighbours.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).normal(size=(500, 2))
        >>> print(bool(1.7 < two_nn(plane) < 2.3))
        True
    """
    x = checks.rows(x, "x")
    if not 0 <= discard < 1:
        raise ValueError(f"discard must be in [0, 1); got {discard}")
    return _two_nn(nearest(x, 2), discard)


@compiled()
def _two_nn(found: Neighbours, discard: Array | float) -> Float[Array, ""]:
    xp = namespace(found.distances)
    first, second = found.distances[:, 0], found.distances[:, 1]
    dtype = first.dtype
    usable = found.exists & (first > 0) & xp.isfinite(second)
    logs = xp.log(xp.where(usable, second, 1) / xp.where(usable, first, 1))
    logs = xp.sort(xp.where(usable, logs, xp.inf))
    count = xp.sum(xp.astype(usable, dtype))
    i = xp.astype(xp.arange(1, first.shape[0] + 1), dtype) + 0 * count
    kept = (i <= xp.floor(count * (1 - discard))) & (i < count)
    logs = xp.where(kept, logs, 0)
    survival = xp.where(kept, 1 - ratio(i, count), 1)
    squares = xp.sum(logs * logs)
    defined = (squares > 0) & ~xp.any(xp.isnan(found.distances))
    slope = -xp.sum(logs * xp.log(survival)) / xp.where(defined, squares, 1)
    return xp.where(defined, slope, xp.nan)


@declares(
    **_SHARED,
    question="rank",
    meaning="intrinsic dimension, from the distances to the k nearest neighbours",
    formula="mean over rows of ((1/(k-1)) Σ_{j<k} log(T_k/T_j))⁻¹, k = 20",
    source="Levina & Bickel 2004",
    best="the dimension that the data has",
    direction="neither",
    of_rows=lambda e: _mle_id(e.neighbours, MLE_NEIGHBOURS, False),
    degenerate="NaN for k distinct rows or fewer; a row with k equally far neighbours is left "
    "out; copies of a row are one point",
    variants="the harmonic mean over rows (MacKay & Ghahramani 2005) is less biased: "
    "average='harmonic'; k-2 in place of k-1 removes the bias at one row",
    arguments={
        "x": _ROWS,
        "k": "number of neighbours, at least 2",
        "average": 'over rows: "arithmetic" as published, or "harmonic", which is less biased',
    },
)
def mle_id(
    x: Any, k: int = 20, average: Literal["arithmetic", "harmonic"] = "arithmetic"
) -> Float[Array, ""]:
    """Intrinsic dimension by maximum likelihood from the distances to the k nearest neighbours.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).normal(size=(500, 2))
        >>> print(bool(1.7 < mle_id(plane) < 2.3))
        True
    """
    x = checks.rows(x, "x")
    if k < 2:
        raise ValueError(f"k must be at least 2; got {k}")
    if average not in ("arithmetic", "harmonic"):
        raise ValueError(f"average must be 'arithmetic' or 'harmonic'; got {average!r}")
    return _mle_id(nearest(x, k), k, average == "harmonic")


@compiled("k", "harmonic")
def _mle_id(found: Neighbours, k: int, harmonic: bool) -> Float[Array, ""]:
    xp = namespace(found.distances)
    near = found.distances[:, :k]
    usable = found.exists & (near[:, 0] > 0) & xp.isfinite(near[:, -1])
    near = xp.where(usable[:, None], near, 1)
    inverse = xp.sum(xp.log(near[:, -1:] / near[:, :-1]), axis=1) / (k - 1)
    if not harmonic:
        usable = usable & (inverse > 0)
        inverse = xp.where(usable, 1 / xp.where(usable, inverse, 1), 0)
    mean = ratio(xp.sum(inverse), xp.sum(xp.astype(usable, near.dtype)))
    defined = (mean > 0) & ~xp.any(xp.isnan(found.distances))
    mean = xp.where(defined, mean, 1)
    return xp.where(defined, 1 / mean if harmonic else mean, xp.nan)


# -- hubs ---------------------------------------------------------------------------------------

_HUBS: dict[str, Any] = _SHARED | {
    "question": "crosstalk",
    "source": "Radovanović, Nanopoulos, Ivanović 2010",
    "direction": "lower",
}


class Hubness(NamedTuple):
    """Skewness of how often rows are neighbours, and the share that never are."""

    skewness: Float[Array, ""]
    anti_hub_share: Float[Array, ""]


@declares(
    **_HUBS,
    meaning="whether a few rows are the neighbours of all others",
    formula="skewness Σ(N-N̄)³/n / (Σ(N-N̄)²/n)^1.5 of N_k, the times that a row is among the k "
    "nearest of another, k = 10",
    interval=(float("-inf"), float("inf")),
    best="about 0 (no hubs)",
    of_rows=lambda e: hubness_of(e.neighbours, HUB_NEIGHBOURS).skewness,
    degenerate="NaN for k distinct rows or fewer; 0 where all counts are equal; copies of a "
    "row are one point; ties go to the lower row",
    variants="Euclidean neighbours of the rows as they are: normalise them for cosines",
    arguments={"x": _ROWS, "k": "number of neighbours, at least 1"},
    returns="`skewness` of the counts, about 0 without hubs, and `anti_hub_share`, the share of "
    "rows that are nobody's neighbour, in [0, 1].",
)
def hubness(x: Any, k: int = 10) -> Hubness:
    """Whether a few rows are among the k nearest neighbours of many others (hubs).

    Example:
        >>> import numpy as np
        >>> star = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.1], [0.0, 1.1], [0.2, -1.0]])
        >>> print(hubness(star, 1).anti_hub_share.round(2))  # the centre is nearest to all others
        0.6
    """
    x = checks.rows(x, "x")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    return hubness_of(nearest(x, k), k)


@compiled("k")
def hubness_of(found: Neighbours, k: int = HUB_NEIGHBOURS) -> Hubness:
    """`hubness` of neighbours that are known already."""
    xp = namespace(found.distances)
    dtype, rows = found.distances.dtype, found.exists.shape[0]
    exists = xp.astype(found.exists, dtype)
    n = xp.sum(exists)
    met = xp.broadcast_to(exists[:, None], (rows, k))
    where = xp.reshape(found.where[:, :k], (-1,))
    counts = segment_sum(xp.reshape(met, (-1,)), where, rows)
    gap = xp.where(found.exists, counts - k, 0)  # the mean count is k exactly
    variance, third = ratio(xp.sum(gap**2), n), ratio(xp.sum(gap**3), n)
    varied = variance > 0
    skewness = xp.where(varied, third / xp.where(varied, variance, 1) ** 1.5, 0)
    share = ratio(xp.sum(xp.where(found.exists & (counts == 0), 1.0, 0.0)), n)
    defined = (n > k) & ~xp.any(xp.isnan(found.distances))
    skewness, share = (xp.where(defined, v, xp.nan) for v in (skewness, share))
    return Hubness(skewness, xp.astype(share, dtype))


METRICS.add(
    **_HUBS,
    name="anti_hub_share",
    meaning="share of the rows that are nobody's neighbour",
    formula="share of rows with N_k = 0, k = 10",
    interval=(0.0, 1.0),
    best="0",
    of_rows=lambda e: hubness_of(e.neighbours, HUB_NEIGHBOURS).anti_hub_share,
    degenerate="as hubness",
    function="hubness",
)
