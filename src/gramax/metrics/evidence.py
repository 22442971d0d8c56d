"""What the metrics are computed from: quantities derived once from the moments, when asked for.

Class means are held relative to a common base (the anchor of the first class present), so that
their differences keep their digits under a common offset.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from gramax._shapes import Bool, Float, Int
from gramax.arrays import linalg
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, dot, epsilon, namespace, stop_gradient
from gramax.arrays.rows import norms, row_squares, unit_count, unit_rows
from gramax.metrics.options import Options
from gramax.moments.class_moments import NOT_FINITE, ClassMoments
from gramax.moments.update import apart

T = TypeVar("T")

SPECTRUM_UNITS, UNITS_OF_BLOCKS = 8, 1 / 32
"""Rounding units of the largest eigenvalue of a scatter below which the others are rounding, and
those that the blocks of rows add, times √n. In float32, 1 to 3 of the former are measured, and 14
in all for a million rows."""

MEAN_UNITS = 64
"""Rounding units of the size of the cloud below which class means lie no distance apart."""

EXACT = 1e-10
"""Sums that round to less than this need no doubt: what rounding hides does not matter."""

DOUBT = 0.01
"""The largest share of a number that may hang on eigenvalues that float32 sums hide."""


class Evidence:
    """Quantities that several metrics share, each computed at most once.

    Attributes:
        moments: the statistic that everything here is derived from.
        options: the choices in which definitions differ.
        xp: the library of the arrays.
        dim: length d of a row.
        rows: `[c]` rows of each class, whatever their weights; `n` are all of them.
        zero: 0 in the dtype of the moments, to make other numbers from.
        present: `[c]` whether a class has rows; `present_count` do.
        weights: `[c]` weight of each class, its rows where they have none; `weight` is their sum.
        row_share: `[c]` share of the weight that each class has, whatever the weighting.
        share: `[c]` weight of each class, summing to 1: `row_share`, or 1/K with "macro".
        variances: `[c]` mean squared distance of a class's rows to their mean.
        within_trace: trace of Σ_W, the mean squared distance of a row to the mean of its class.
        code_trace: mean squared distance of a row to the code of its class, its mean put back on
            the sphere; of raw rows, to its mean.
        not_finite: how many rows are left out because they hold NaN or infinity.
        tolerance: the rounding of class means over √tr Σ_T; those no further apart are the same.
        exact: whether rows were summed in float64: nothing that matters is below rounding.
    """

    def __init__(self, moments: ClassMoments, options: Options | None = None) -> None:
        """Derive from `moments`; what costs more than a sum over classes waits until asked for."""
        self.moments = moments
        self.options = options or Options()
        self.xp: Any = namespace(moments.mean)
        self._once: dict[Any, object] = {}
        self.dim = moments.dim
        self.rows: Float[Array, " c"] = moments.rows[0] + moments.rows[1]
        self.present: Bool[Array, " c"] = self.rows > 0
        self.weights: Float[Array, " c"] = moments.counts
        self.variances: Float[Array, " c"] = ratio(moments.spread, self.weights)
        exists = self.xp.astype(self.present, self.rows.dtype)
        of_codes = moments.spread
        if moments.normalize:  # of a class with mean μ, 2(1-|μ|) for 1-|μ|²
            inside = self.xp.minimum(self.variances, 1.0)
            of_codes = self.weights * 2 * inside / (1 + safe_sqrt(1 - inside))
        of_classes = [self.rows, exists, self.weights, moments.spread, of_codes]
        if moments.num_classes == 1:
            sums = [one[0] for one in of_classes]
        else:  # XLA takes as long to compile one sum as to compile one of several rows
            sums = self.xp.sum(self.xp.stack(of_classes), axis=1)
        self.n: Float[Array, ""] = sums[0]
        self.zero: Float[Array, ""] = 0 * self.n
        self.present_count: Float[Array, ""] = sums[1]
        self.weight: Float[Array, ""] = sums[2]
        self.row_share = self.share = ratio(self.weights, self.weight)
        self.within_trace, self.code_trace = (
            ratio(sums[3], self.weight),
            ratio(sums[4], self.weight),
        )
        if self.options.weighting == "macro":
            self.share = ratio(exists, self.present_count)
            self.within_trace = self.xp.sum(self.share * self.variances)
            self.code_trace = self.xp.sum(self.share * ratio(of_codes, self.weights))
        high, low = moments.left_out[0, NOT_FINITE], moments.left_out[1, NOT_FINITE]
        self.not_finite: Float[Array, ""] = high + low
        self.tolerance: float = MEAN_UNITS * moments.rounding
        self.exact: bool = moments.rounding < EXACT

    def once(self, derive: Callable[[Evidence], T]) -> T:
        """`derive(self)`, computed the first time; for what the metrics of one file share."""
        if derive not in self._once:
            self._once[derive] = derive(self)
        return self._once[derive]  # type: ignore[return-value]

    def count(self, where: Bool[Array, "..."]) -> Float[Array, ""]:
        """How many are true, in the dtype of the moments."""
        return self.xp.sum(self.xp.astype(where, self.n.dtype))

    def only(self, where: Bool[Array, "..."], values: Array) -> Array:
        """The values where that is true, 0 elsewhere."""
        return self.xp.where(where, values, 0)

    # -- class means ----------------------------------------------------------------------------

    @cached_property
    def heaviest(self) -> Int[Array, ""]:
        """The class that weighs most, the first of several."""
        return self.xp.argmax(self.weights)

    def _of_heaviest(self, x: Float[Array, "c d"]) -> Float[Array, "1 d"]:
        return x[self.heaviest][None]

    @cached_property
    def base(self) -> Float[Array, "1 d"]:
        """The anchor of the class that weighs most, as a raw row: `means` are relative to it."""
        return self._of_heaviest(self.moments.anchor)

    @cached_property
    def lengths(self) -> Float[Array, "c 1"]:
        """Lengths of the anchors."""
        return norms(self.moments.anchor)

    @cached_property
    def means(self) -> Float[Array, "c d"]:
        """Class means relative to the common base; 0 for an absent class."""
        m = self.moments
        base = apart(m.anchor, self.lengths, self.heaviest, m.normalize)
        return self.only(self.present[:, None], base + m.mean)

    @cached_property
    def centred(self) -> Float[Array, "c d"]:
        """Class means minus the global mean μ_G (weighted as asked); 0 for an absent class."""
        return self.about(self.share)

    def about(self, share: Float[Array, " c"]) -> Float[Array, "c d"]:
        """Class means from their mean with these weights, by way of the class that weighs most.

        That class may lie much closer to the mean than to the base: its digits are kept.
        """
        if self.moments.num_classes == 1:
            return self.xp.zeros_like(self.moments.mean)
        means = self.means - self._of_heaviest(self.means)
        return self.only(self.present[:, None], means - dot(share, means))

    @cached_property
    def origin_means(self) -> Float[Array, "c d"]:
        """Class means as they lie, from the origin; 0 for an absent class."""
        base = self.base
        if self.moments.normalize:
            base = ratio(base, self._of_heaviest(self.lengths))
        return self.only(self.present[:, None], base + self.means)

    @cached_property
    def vectors(self) -> Float[Array, "c d"]:
        """Class means from μ_G, or from the origin with center "none"; 0 for an absent class."""
        return self.centred if self.options.center == "global" else self.origin_means

    @cached_property
    def directions(self) -> Float[Array, "c d"]:
        """Rows of `vectors` over their lengths; 0 for an absent class.

        A vector no longer than its rounding has no direction either, and gives 0.
        """
        return self._directed(self.vectors)

    def _directed(self, vectors: Float[Array, "c d"]) -> Float[Array, "c d"]:
        xp = self.xp
        lengths = norms(vectors)
        floor = MEAN_UNITS * epsilon(lengths) * xp.max(lengths)
        total = self.only(xp.isfinite(self.total_trace), self.total_trace)
        long = (lengths > floor) & (lengths > self.tolerance * safe_sqrt(total))
        # Where a length is NaN the direction is NaN too.
        return xp.where(long | xp.isnan(lengths), unit_rows(vectors), 0.0)

    @cached_property
    def codes(self) -> Float[Array, "c d"]:
        """Unit class means: one code a class; 0 for an absent class."""
        means = self.origin_means
        if not self.moments.normalize:
            return unit_rows(means)
        return ratio(means, safe_sqrt(row_squares(means))[:, None])  # none is long or tiny

    @cached_property
    def centred_codes(self) -> Float[Array, "c d"]:
        """Unit class means after centring by the mean of the class means (Papyan's μ_k - μ_G)."""
        mean = ratio(self.xp.sum(self.means, axis=0), self.present_count)
        return self._directed(self.only(self.present[:, None], self.means - mean))

    @cached_property
    def code_count(self) -> Float[Array, ""]:
        """Number of classes whose mean has a direction."""
        return unit_count(self.codes)

    # -- scatter --------------------------------------------------------------------------------

    @cached_property
    def total_trace(self) -> Float[Array, ""]:
        """Trace of Σ_T: mean squared distance of a row to the global mean."""
        return self.within_trace + self.xp.sum(self.share[:, None] * self.centred**2)

    @cached_property
    def between_norm(self) -> Float[Array, ""]:
        """Trace of Papyan's Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ, every class alike."""
        return ratio(self.xp.sum(self.centred**2), self.present_count)

    @cached_property
    def square_sum(self) -> Float[Array, ""]:
        """Sum of the squares of all rows: no other sum of squares here is larger."""
        means = self.xp.sum(self.weights[:, None] * self.origin_means**2)
        return self.xp.sum(self.moments.spread) + means

    @cached_property
    def underflows(self) -> Bool[Array, ""]:
        """Whether raw rows, or their class means, differ but their squares have lost digits."""
        xp, info = self.xp, self.xp.finfo(self.n.dtype)
        limit = float(info.smallest_normal) / float(info.eps)
        differ, apart = (xp.max(xp.abs(x)) != 0 for x in (self.moments.mean, self.centred))
        within, between = differ & (self.within_trace < limit), apart & (self.between_norm < limit)
        return (within | between) & (not self.moments.normalize)

    @cached_property
    def within(self) -> Float[Array, "d d"]:
        """Pooled within-class covariance Σ_W, divisor n; the weighting cannot change it."""
        if self.moments.scatter is None:
            raise ValueError("these moments were made with scatter=False: they hold no spectrum")
        return ratio(self.moments.scatter, self.weight)

    @cached_property
    def within_spectrum(self) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
        """Eigenvalues of Σ_W, ascending, rounding 0, and its eigenvectors as columns."""
        values, vectors = linalg.eigh(self.within)
        return self._without_rounding(values), vectors

    @cached_property
    def _unbiased(self) -> Float[Array, ""]:
        """n/(n-1); NaN for a single row."""
        return self.n / self.xp.where(self.n > 1, self.n - 1, self.xp.nan)

    @cached_property
    def covariance(self) -> Float[Array, "d d"]:
        """Covariance of all rows about their mean, divisor n-1."""
        if self.moments.num_classes == 1:
            return ratio(self.moments.scatter, self.weight / self._unbiased)
        spread = safe_sqrt(self.row_share)[:, None] * self.about(self.row_share)
        return (self.within + dot(spread.T, spread)) * self._unbiased

    @cached_property
    def second_moment(self) -> Float[Array, "d d"]:
        """ZᵀZ/n: the covariance about the origin, not about the mean."""
        means = safe_sqrt(self.row_share)[:, None] * self.origin_means
        return self.within + dot(means.T, means)

    # -- spectra --------------------------------------------------------------------------------

    @cached_property
    def resolution(self) -> Float[Array, ""]:
        """The share of the largest eigenvalue of a scatter below which the others are rounding."""
        units = SPECTRUM_UNITS + UNITS_OF_BLOCKS * self.xp.sqrt(self.n)
        return self.moments.rounding * units

    def _without_rounding(self, values: Float[Array, " d"]) -> Float[Array, " d"]:
        """Ascending eigenvalues, those that are rounding set to 0; NaN stays."""
        return self.only(~(values <= self.resolution * values[-1]), values)

    def _of_rank(self, values: Float[Array, " d"], rank: Float[Array, ""]) -> Float[Array, " d"]:
        """Ascending eigenvalues, those beyond the rank set to 0."""
        places = values.shape[0] - self.xp.arange(values.shape[0])
        return self.only(self.xp.astype(places, self.n.dtype) <= rank, values)

    @cached_property
    def eigenvalues(self) -> Float[Array, " d"]:
        """Eigenvalues of `covariance`, ascending; at most n-1 of them are not 0."""
        values = self._without_rounding(linalg.eigvalsh(self.covariance))
        return self._of_rank(values, self.n - 1)

    @cached_property
    def squares(self) -> Float[Array, " d"]:
        """Squared singular values of the rows over n, ascending; at most n of them are not 0."""
        return self._of_rank(self._stacked(self.origin_means, self.second_moment), self.n)

    @property
    def spread_values(self) -> Float[Array, " d"]:
        """Eigenvalues of the scatter about `center`, ascending, small ones to their digits."""
        return self.squares if self.options.center == "none" else self.fine_eigenvalues

    @cached_property
    def fine_eigenvalues(self) -> Float[Array, " d"]:
        """`eigenvalues`, where classes are labelled small ones to their digits."""
        if self.exact or self.moments.num_classes == 1:
            return self.eigenvalues
        spread = self.about(self.row_share)
        values = self._stacked(spread, self.covariance, self._unbiased)
        return self._of_rank(values, self.n - 1)

    def _stacked(
        self, means: Float[Array, "c d"], whole: Float[Array, "d d"], times: Array | float = 1.0
    ) -> Array:
        """Eigenvalues, ascending, of `whole`: Σ_W and the scatter of these means, `times` that.

        In float32 a small Σ_W (tight classes, rows far from the origin) loses its digits beside the
        means in that sum: there they are the squares of the singular values of the means on top of
        a root of Σ_W. Their gradient is that of the eigenvalues, finite where some coincide.
        """
        direct = linalg.eigvalsh(whole)
        if self.exact:
            return self._without_rounding(direct)
        xp = self.xp
        values, vectors = self.within_spectrum
        top = linalg.compressed(safe_sqrt(self.row_share)[:, None] * means)
        sigma = linalg.singular_values(
            stop_gradient(xp.concat([top, safe_sqrt(values)[:, None] * vectors.T]))
        )
        # Below the rounding of the singular values themselves there is nothing.
        squares = self.only(linalg.significant(sigma), sigma) ** 2
        return times * xp.flip(squares) + direct - stop_gradient(direct)

    def hidden_size(self, values: Float[Array, " d"]) -> Float[Array, ""]:
        """No eigenvalue that `_stacked` hides is larger: the rounding of Σ_W, or of its roots."""
        xp, units = self.xp, linalg.SIGNIFICANT_UNITS * epsilon(values)
        within = self.resolution * xp.max(self.within_spectrum[0])
        return xp.maximum(within, units**2 * xp.max(values))

    def hidden(self, values: Float[Array, " d"], rank: Float[Array, ""]) -> Float[Array, ""]:
        """How many eigenvalues of a spectrum of this rank float32 sums cannot tell from 0.

        Coordinates in which no row differs hold none, and neither do classes that are points;
        sums in float64 hide none that matters.
        """
        if self.exact:
            return self.zero
        xp = self.xp
        inner = xp.linalg.diagonal(self.within) > 0
        used = xp.any(self.means != 0, axis=0) | inner
        means = rank - (self.n - self.present_count)  # what class means alone can span
        spanned = xp.minimum(self.n - self.present_count, self.count(inner)) + means
        possible = xp.minimum(xp.minimum(rank, self.count(used)), spanned)
        # An axis along which the class means alone are seen is hidden too; NaN hides nothing.
        hidden = possible - self.count(~(values <= self.hidden_size(values)))
        return xp.where(hidden > 0, hidden, 0.0)
