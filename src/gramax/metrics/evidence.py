"""What the metrics are computed from: quantities derived once from the moments, when asked for.

Class means are held relative to a common base (the anchor of the first class present), so that
their differences keep their digits under a common offset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from gramax.arrays import linalg
from gramax.arrays.guarded import ratio
from gramax.arrays.kernels import displacement
from gramax.arrays.resolution import resolution, settled
from gramax.arrays.rows import PRECISION, norms, unit_rows
from gramax.metrics import spectrum as spectra
from gramax.metrics.options import Options
from gramax.metrics.spectrum import Spectrum
from gramax.moments.class_moments import NOT_FINITE, ClassMoments

T = TypeVar("T")


class Evidence:
    """Quantities that several metrics share, each computed at most once.

    Attributes:
        moments: the statistic that everything here is derived from.
        options: the choices in which definitions differ.
    """

    def __init__(
        self,
        moments: ClassMoments,
        options: Options | None = None,
        known: Mapping[Any, object] | None = None,
    ) -> None:
        """Derive from `moments`; nothing is computed until it is asked for.

        Args:
            moments: of rows.
            options: the choices in which definitions differ.
            known: what `once` gives for some functions, where that was computed before.
        """
        self.moments = moments
        self.options = options or Options()
        self._once = dict(known or {})

    def once(self, derive: Callable[[Evidence], T]) -> T:
        """`derive(self)`, computed the first time; for what the metrics of one file share."""
        if derive not in self._once:
            self._once[derive] = derive(self)
        return self._once[derive]  # type: ignore[return-value]

    # -- counts ---------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> Float[Array, " c"]:
        """Rows of each class."""
        return self.moments.counts

    @cached_property
    def n(self) -> Float[Array, ""]:
        """Rows of all classes."""
        return jnp.sum(self.counts)

    @cached_property
    def max_count(self) -> Float[Array, ""]:
        """Rows of the largest class."""
        return jnp.max(self.counts)

    @cached_property
    def present(self) -> Bool[Array, " c"]:
        """Classes that have rows."""
        return self.counts > 0

    @cached_property
    def present_count(self) -> Float[Array, ""]:
        """Number of classes that have rows."""
        return jnp.sum(self.present).astype(self.counts.dtype)

    @cached_property
    def share(self) -> Float[Array, " c"]:
        """Weight of each class, summing to 1: its share of the rows, or 1/K with "macro"."""
        if self.options.weighting == "macro":
            return ratio(self.present, self.present_count)
        return self.row_share

    @cached_property
    def not_finite(self) -> Float[Array, ""]:
        """Rows left out because they hold NaN or infinity."""
        return jnp.sum(self.moments.left_out[:, NOT_FINITE])

    # -- class means ----------------------------------------------------------------------------

    @cached_property
    def base(self) -> Float[Array, "1 d"]:
        """The anchor of the first class present, as a raw row: `means` are relative to it."""
        return self.moments.anchor[jnp.argmax(self.present)][None]

    @cached_property
    def means(self) -> Float[Array, "c d"]:
        """Class means relative to the common base; 0 for an absent class."""
        m = self.moments
        radius = norms(self.base)
        base = displacement(m.anchor, norms(m.anchor), self.base, radius, m.normalize)
        return jnp.where(self.present[:, None], base + m.mean, 0)

    @cached_property
    def row_share(self) -> Float[Array, " c"]:
        """Share of the rows that each class has, whatever the weighting."""
        return ratio(self.counts, self.n)

    @cached_property
    def centred(self) -> Float[Array, "c d"]:
        """Class means minus the global mean μ_G (weighted as asked); 0 for an absent class."""
        return self._about(self.share)

    def _about(self, share: Float[Array, " c"]) -> Float[Array, "c d"]:
        """Class means from their mean with these weights, by way of the class that weighs most.

        That class may lie much closer to the mean than to the base: its digits are kept.
        """
        means = self.means - self.means[jnp.argmax(share)]
        mean = jnp.sum(share[:, None] * means, axis=0)
        return jnp.where(self.present[:, None], means - mean, 0)

    @cached_property
    def origin_means(self) -> Float[Array, "c d"]:
        """Class means as they lie, from the origin; 0 for an absent class."""
        base = unit_rows(self.base) if self.moments.normalize else self.base
        return jnp.where(self.present[:, None], base + self.means, 0)

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
        lengths = norms(vectors)
        longest = 16 * jnp.finfo(lengths.dtype).eps * jnp.max(lengths)
        blur = jnp.where(jnp.isfinite(self.total_trace), jnp.sqrt(self.total_trace), 0)
        floor = jnp.maximum(longest, self.grain * blur)
        return jnp.where(lengths > floor, unit_rows(vectors), 0 * lengths)

    @cached_property
    def codes(self) -> Float[Array, "c d"]:
        """Unit class means: one code a class; 0 for an absent class."""
        return unit_rows(self.origin_means)

    @cached_property
    def centred_codes(self) -> Float[Array, "c d"]:
        """Unit class means after centring by the mean of the class means (Papyan's μ_k - μ_G)."""
        mean = ratio(jnp.sum(self.means, axis=0), self.present_count)
        return self._directed(jnp.where(self.present[:, None], self.means - mean, 0))

    @cached_property
    def code_count(self) -> Float[Array, ""]:
        """Number of classes whose mean has a direction."""
        return jnp.sum(jnp.any(self.codes != 0, axis=1)).astype(self.counts.dtype)

    @cached_property
    def centred_count(self) -> Float[Array, ""]:
        """Number of classes whose centred mean has a direction."""
        return jnp.sum(jnp.any(self.centred_codes != 0, axis=1)).astype(self.counts.dtype)

    # -- scatter --------------------------------------------------------------------------------

    @cached_property
    def variances(self) -> Float[Array, " c"]:
        """Mean squared distance of a class's rows to their mean."""
        return ratio(self.moments.spread, self.counts)

    @cached_property
    def within_trace(self) -> Float[Array, ""]:
        """Trace of Σ_W: mean squared distance of a row to the mean of its class."""
        return jnp.sum(self.share * self.variances)

    @cached_property
    def square_sum(self) -> Float[Array, ""]:
        """Sum of the squares of all rows: no other sum of squares here is larger."""
        means = jnp.sum(self.counts * jnp.sum(self.origin_means**2, axis=1))
        return jnp.sum(self.moments.spread) + means

    @cached_property
    def underflows(self) -> Bool[Array, ""]:
        """Whether raw rows, or their class means, differ but their squares have lost digits."""
        limit = jnp.finfo(self.n.dtype).tiny / jnp.finfo(self.n.dtype).eps
        differ = self.present[:, None] & (self.moments.mean != 0)
        within = jnp.any(differ) & (self.within_trace < limit)
        between = jnp.any(self.centred != 0) & (self.between_norm < limit)
        return (within | between) & (not self.moments.normalize)

    @cached_property
    def between_trace(self) -> Float[Array, ""]:
        """Mean squared distance of a row's class mean to the global mean."""
        return jnp.sum(self.share * jnp.sum(self.centred**2, axis=1))

    @cached_property
    def total_trace(self) -> Float[Array, ""]:
        """Trace of Σ_T: mean squared distance of a row to the global mean."""
        return self.within_trace + self.between_trace

    @cached_property
    def between_norm(self) -> Float[Array, ""]:
        """Trace of Papyan's Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ, every class alike."""
        squares = jnp.sum(self.centred**2, axis=1)
        return ratio(jnp.sum(squares), self.present_count)

    @cached_property
    def _scatter(self) -> Float[Array, "d d"]:
        if self.moments.scatter is None:
            raise ValueError("these moments were made with scatter=False: they hold no spectrum")
        return self.moments.scatter

    @cached_property
    def within(self) -> Float[Array, "d d"]:
        """Pooled within-class covariance Σ_W, divisor n; the weighting cannot change it."""
        return ratio(self._scatter, self.n)

    @cached_property
    def within_rank(self) -> Float[Array, ""]:
        """What the rank of Σ_W may be, by the rows and the coordinates in which they differ."""
        used = jnp.sum(jnp.diag(self.within) > 0)
        return jnp.clip(self.n - self.present_count, 0, used)

    @cached_property
    def covariance(self) -> Float[Array, "d d"]:
        """Covariance of all rows about their mean, divisor n-1."""
        spread = jnp.sqrt(self.counts)[:, None] * self._about(self.row_share)
        total = self._scatter + jnp.matmul(spread.T, spread, precision=PRECISION)
        return total / jnp.where(self.n > 1, self.n - 1, jnp.nan)

    @cached_property
    def second_moment(self) -> Float[Array, "d d"]:
        """ZᵀZ/n: the covariance about the origin, not about the mean."""
        means = jnp.sqrt(self.row_share)[:, None] * self.origin_means
        return self.within + jnp.matmul(means.T, means, precision=PRECISION)

    @cached_property
    def spread_matrix(self) -> Float[Array, "d d"]:
        """`covariance`, or `second_moment` with center "none"."""
        return self.covariance if self.options.center == "global" else self.second_moment

    @cached_property
    def resolution(self) -> Float[Array, ""]:
        """The share of the largest eigenvalue of a scatter below which the others are rounding."""
        m = self.moments
        return resolution(m.rounding, self.n, m.dim, bool(m.summed))

    @cached_property
    def grain(self) -> Float[Array, ""]:
        """The rounding of class means over √tr Σ_T: those that lie no further apart are the same.

        Means of the same rows in another order differ by half of it at most: 26 units of float32
        are measured for 150,000 rows of three classes.
        """
        return 4 * self.resolution

    @cached_property
    def eigenvalues(self) -> Float[Array, " d"]:
        """Eigenvalues of `covariance`, ascending, rounding 0; at most n-1 of them nonzero."""
        values = settled(jnp.maximum(linalg.eigvalsh(self.covariance), 0), self.resolution)
        return spectra.below(self.n, values)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Singular values of the rows over √n, ascending; at most n of them nonzero."""
        return self._spectrum_of(self.origin_means, self.n, self.present_count)

    @cached_property
    def spread_spectrum(self) -> Spectrum:
        """Singular values of the centred rows over √n, ascending; with center "none", of all."""
        if self.options.center == "none":
            return self.spectrum
        return self._spectrum_of(self._about(self.row_share), self.n - 1, self.present_count - 1)

    @cached_property
    def _within_values(self) -> Float[Array, " d"]:
        return linalg.eigvalsh(self.within)

    def _spectrum_of(
        self, means: Float[Array, "c d"], rank: Float[Array, ""], of_means: Float[Array, ""]
    ) -> Spectrum:
        """Of rows with these class means: no more than `rank` values, `of_means` by the means."""
        means = jnp.sqrt(self.row_share)[:, None] * means
        within = self.within, self._within_values, self.within_rank
        return spectra.of_rows(means, *within, rank, of_means, self.resolution)
