"""Data sets of pure chance, drawn as moments: the cost does not grow with the number of rows.

Class means, the spread of each class and the pooled scatter are drawn from their own laws and
handed to the metrics as `ClassMoments`, so that each number has its one implementation. This is
exact where rows are Gaussian, but for one thing: the shares of the classes in the scatter's trace
are drawn independently of its shape. Rows on the sphere: directions of the means and the identity
spread_k = n_k(1 - |μ_k|²) are exact, lengths follow the Beta law with their first two moments, and
the scatter is a Wishart matrix whose deviations from isotropy are scaled by √(d/(d+2)), which is
what their fourth moments E u₁²u₂² = 1/(d(d+2)) ask for. Few rows are drawn themselves, and
everything is exact.

Source: Bartlett 1933; Muirhead 1982, theorem 3.2.14 (the triangular factor of a Wishart matrix).
"""

from __future__ import annotations

import numpy as np

from gramax._shapes import Float
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.cosines import length_shapes
from gramax.uncertainty.chance.laws import Setting

FEW_VALUES = 2**15
"""n·d up to which rows themselves are drawn."""

Drawn = tuple[Float[np.ndarray, "c r"], Float[np.ndarray, " c"], Float[np.ndarray, "r r"] | None]
"""Class means, spreads, and the pooled scatter where that is asked for."""


def draw(
    s: Setting, places: np.ndarray, num_classes: int, rng: np.random.Generator, scatter: bool
) -> ClassMoments:
    """Moments of one data set of pure chance, in float64.

    Args:
        s: sizes of the classes present, dimension and scale.
        places: index of each class present among all `num_classes`.
        num_classes: c, with room for absent classes.
        rng: where the randomness comes from.
        scatter: draw the d×d scatter too.
    """
    how = _from_rows if drawn_as_rows(s, scatter) else _from_laws
    means, spread, pooled = how(s, rng, scatter)
    # The anchor is a row like any other in size: the first axis, at the length of the rows.
    anchor = np.zeros(means.shape[1])
    anchor[0] = 1.0 if s.normalize else 0.0
    counts = _spread_out(np.asarray(s.counts), places, num_classes)
    exact = np.stack([counts, np.zeros_like(counts)])
    return ClassMoments(
        count=exact,
        rows=exact,
        weight_squares=counts,
        anchor=_spread_out(np.broadcast_to(anchor, means.shape), places, num_classes),
        mean=_spread_out(means - anchor, places, num_classes),
        spread=_spread_out(spread, places, num_classes),
        scatter=pooled,
        left_out=np.zeros((2, 4)),
        normalize=s.normalize,
        ambient=s.dim if means.shape[1] < s.dim else None,
    )


def drawn_as_rows(s: Setting, scatter: bool) -> bool:
    """Whether rows are so few that drawing them costs no more than drawing their moments."""
    return s.rows * s.dim <= FEW_VALUES or (scatter and s.rows < 4 * s.dim)


def unit(x: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... d"]:
    """Vectors over their lengths."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def gaussian_rows(n: int, d: int, rng: np.random.Generator) -> Float[np.ndarray, "n r"]:
    """Standard normal rows, n of them; where n < d, turned into the n dimensions that they span.

    Row i is then normal in its first i coordinates, and chi with d-i degrees of freedom in the
    next one: what the orthogonalisation of Gram and Schmidt leaves of it.
    """
    if n >= d:
        return rng.standard_normal((n, d))
    rows = np.tril(rng.standard_normal((n, n)), -1)
    rows[np.diag_indices(n)] = np.sqrt(rng.chisquare(d - np.arange(n)))
    return rows


def isotropic_scatter(s: Setting, rng: np.random.Generator) -> Float[np.ndarray, "r r"]:
    """The scatter of all rows about their mean, up to scale."""
    if not drawn_as_rows(s, True):
        return _wishart(s.rows - 1, s, rng)
    rows = gaussian_rows(round(s.rows), s.dim, rng)
    rows = unit(rows) if s.normalize else rows
    rows -= np.mean(rows, axis=0)
    return rows.T @ rows


def _spread_out(values: np.ndarray, places: np.ndarray, num_classes: int) -> np.ndarray:
    """Values of the classes present in their places among all classes; 0 elsewhere."""
    out = np.zeros((num_classes, *values.shape[1:]))
    out[places] = values
    return out


def _from_rows(s: Setting, rng: np.random.Generator, scatter: bool) -> Drawn:
    """By rows that are drawn, as many as there are."""
    counts = np.maximum(np.rint(s.counts), 1).astype(int)
    rows = gaussian_rows(counts.sum(), s.dim, rng)
    rows = unit(rows) if s.normalize else rows * np.sqrt(s.variance)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.add.reduceat(rows, first) / counts[:, None]
    rows -= np.repeat(means, counts, axis=0)
    spread = np.add.reduceat(np.sum(rows**2, axis=1), first)
    return means, spread, rows.T @ rows if scatter else None


def _from_laws(s: Setting, rng: np.random.Generator, scatter: bool) -> Drawn:
    """From the laws of means, spreads and scatter."""
    counts = np.asarray(s.counts)
    means = rng.standard_normal((s.classes, s.dim))
    pooled = _wishart(s.rows - s.classes, s, rng) if scatter else None
    if s.normalize:
        square = np.where(counts > 1, rng.beta(*length_shapes(counts, s.dim)), 1.0)
        means = unit(means) * np.sqrt(square)[:, None]
        spread = counts * (1 - square)
        if pooled is not None:
            pooled *= spread.sum() / max(np.trace(pooled), 1e-300)
        return means, spread, pooled
    means *= np.sqrt(s.variance / counts)[:, None]
    spread = 2 * s.variance * rng.standard_gamma(s.dim * np.maximum(counts - 1, 0) / 2)
    if pooled is not None:
        pooled *= s.variance
        spread *= np.trace(pooled) / max(spread.sum(), 1e-300)
    return means, spread, pooled


def _wishart(freedom: float, s: Setting, rng: np.random.Generator) -> Float[np.ndarray, "d d"]:
    """XᵀX for so many Gaussian rows, by its triangular factor: d²/2 draws instead of n·d."""
    d = s.dim
    if freedom < d:
        factor = rng.standard_normal((round(freedom), d))
        return factor.T @ factor
    factor = np.tril(rng.standard_normal((d, d)), -1)
    factor[np.diag_indices(d)] = np.sqrt(rng.chisquare(freedom - np.arange(d)))
    scatter = factor @ factor.T
    if s.normalize:
        level = np.trace(scatter) / d * np.eye(d)
        scatter = level + np.sqrt(d / (d + 2)) * (scatter - level)
    return scatter
