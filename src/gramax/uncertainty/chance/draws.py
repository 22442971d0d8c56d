"""Data sets of pure chance, drawn as moments: the cost does not grow with the number of rows.

Class means, the spread of each class and the pooled scatter are drawn from their own laws and
handed to the metrics as `ClassMoments`, so that each number has its one implementation. Few rows
are drawn themselves, and everything is exact. The numbers of the five answers are drawn for some
hundred data sets together, in a few hundredths of a second.
"""

from __future__ import annotations

import numpy as np

from gramax._shapes import Float
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.cosines import length_shapes
from gramax.uncertainty.chance.laws import Setting

FEW_VALUES = 2**15
"""n·d up to which rows themselves are drawn."""

MAX_DRAWS, FEWEST_DRAWS, MAX_NUMBERS, MAX_CUBES = 200, 20, 4e6, 1e7
"""Draws for the answers at most, and those with fewer of which a number has no baseline; numbers
drawn in all, and cubes of the side of a spectrum: some hundredths of a second each."""


def draw(s: Setting, rng: np.random.Generator, scatter: bool) -> ClassMoments:
    """Moments of one data set of pure chance, in float64; with the d×d scatter where asked for."""
    how = _from_rows if drawn_as_rows(s, scatter) else _from_laws
    return as_moments(s, *how(s, rng, scatter))


def as_moments(
    s: Setting,
    means: Float[np.ndarray, "c r"],
    spread: Float[np.ndarray, " c"],
    pooled: Float[np.ndarray, "r r"] | None,
) -> ClassMoments:
    """Class means from the origin, spreads and pooled scatter, drawn together, as moments."""
    # The anchor is a row like any other in size: the first axis, at the length of the rows.
    anchor = np.zeros_like(means)
    anchor[:, 0] = 1.0 if s.normalize else 0.0
    counts = np.asarray(s.counts)
    exact = np.stack([counts, np.zeros_like(counts)])
    return ClassMoments(
        count=exact,
        rows=exact,
        weight_squares=counts,
        anchor=anchor,
        mean=means - anchor,
        spread=spread,
        scatter=pooled,
        left_out=np.zeros((2, 4)),
        normalize=s.normalize,
        ambient=s.dim if means.shape[1] < s.dim else None,
    )


def drawn_as_rows(s: Setting, scatter: bool) -> bool:
    """Whether rows are so few that drawing them costs no more than drawing their moments."""
    return s.rows * s.dim <= FEW_VALUES or (scatter and s.rows < 4 * s.dim)


def _unit(x: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... d"]:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def gaussian_rows(n: int, d: int, rng: np.random.Generator) -> Float[np.ndarray, "n r"]:
    """Standard normal rows, n of them; where n < d, turned into the n dimensions that they span.

    Row i is then normal in its first i coordinates, and chi with d-i degrees of freedom in the
    next one: what the orthogonalisation of Gram and Schmidt leaves of it.
    """
    if n >= d:
        return rng.standard_normal((n, d))
    return _triangle(n, d - np.arange(n), rng)


def _triangle(n: int, freedom: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, "n n"]:
    """A lower triangle of normal numbers, with chi ones on the diagonal."""
    rows = np.tril(rng.standard_normal((n, n)), -1)
    rows[np.diag_indices(n)] = np.sqrt(rng.chisquare(freedom))
    return rows


Drawn = tuple[Float[np.ndarray, "c r"], Float[np.ndarray, " c"], Float[np.ndarray, "r r"] | None]
"""Class means, spreads, and the pooled scatter where that is asked for."""


def _from_rows(s: Setting, rng: np.random.Generator, scatter: bool) -> Drawn:
    counts = np.maximum(np.rint(s.counts), 1).astype(int)
    rows = gaussian_rows(counts.sum(), s.dim, rng)
    rows = _unit(rows) if s.normalize else rows * np.sqrt(s.variance)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.add.reduceat(rows, first) / counts[:, None]
    rows -= np.repeat(means, counts, axis=0)
    spread = np.add.reduceat(np.sum(rows**2, axis=1), first)
    return means, spread, rows.T @ rows if scatter else None


def _from_laws(s: Setting, rng: np.random.Generator, scatter: bool) -> Drawn:
    """For Gaussian rows the shares of the classes in the trace ought to follow the scatter."""
    means = rng.standard_normal((s.classes, s.dim))
    pooled = _wishart(s.rows - s.classes, s, rng) if scatter else None
    means, variances = _scaled(means, s, rng)
    spread = np.asarray(s.counts) * variances
    if pooled is not None and s.normalize:
        pooled *= spread.sum() / max(np.trace(pooled), 1e-300)
    elif pooled is not None:
        pooled *= s.variance
        spread *= np.trace(pooled) / max(spread.sum(), 1e-300)
    return means, spread, pooled


def _scaled(
    means: Float[np.ndarray, "... c r"], s: Setting, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "... c r"], Float[np.ndarray, "... c"]]:
    """Normal rows made class means, by the laws of their lengths; and variances of the classes.

    On the sphere, where 1 is the sum of both squares, the lengths follow the Beta law.
    """
    counts, shape = np.asarray(s.counts), means.shape[:-1]
    if s.normalize:
        beta = rng.beta(*length_shapes(counts, s.dim), shape)
        squares = np.where(counts > 1, beta, 1.0)
        return _unit(means) * np.sqrt(squares)[..., None], 1 - squares
    freedom = s.dim * np.maximum(counts - 1, 0) / 2
    variances = 2 * s.variance * rng.standard_gamma(freedom, shape) / counts
    return means * np.sqrt(s.variance / counts)[:, None], variances


def _wishart(freedom: float, s: Setting, rng: np.random.Generator) -> Float[np.ndarray, "d d"]:
    """XᵀX for so many Gaussian rows, by its triangular factor: d²/2 draws instead of n·d.

    On the sphere its deviations from isotropy are scaled by √(d/(d+2)), as the fourth moments
    E u₁²u₂² = 1/(d(d+2)) ask for. Bartlett 1933; Muirhead 1982, theorem 3.2.14.
    """
    d = s.dim
    if freedom < d:
        factor = rng.standard_normal((round(freedom), d))
        return factor.T @ factor
    factor = _triangle(d, freedom - np.arange(d), rng)
    scatter = factor @ factor.T
    if s.normalize:
        level = np.trace(scatter) / d * np.eye(d)
        scatter = level + np.sqrt(d / (d + 2)) * (scatter - level)
    return scatter


# -- the five answers: all draws at once ---------------------------------------------------------


def answers_of_codes(s: Setting, rng: np.random.Generator) -> dict[str, Float[np.ndarray, " b"]]:
    """Draws of the numbers that class means determine; none for too many classes, or for one."""
    c = s.classes
    draws = min(MAX_DRAWS, int(MAX_NUMBERS / (c * (c + min(c, s.dim)))))
    if c < 2 or draws < FEWEST_DRAWS:
        return {}
    normal = np.stack([gaussian_rows(c, s.dim, rng) for _ in range(draws)])
    return answers_of_means(s, *_scaled(normal, s, rng))


def answers_of_means(
    s: Setting, means: Float[np.ndarray, "b c r"], variances: Float[np.ndarray, "b c"]
) -> dict[str, Float[np.ndarray, " b"]]:
    """The numbers of drawn class means, from the origin, and variances within the classes."""
    c, share = s.classes, s.share
    codes, centred = _unit(means), _unit(means - np.mean(means, axis=1, keepdims=True))
    plain, about = (x @ x.transpose(0, 2, 1) for x in (codes, centred))
    other = ~np.eye(c, dtype=bool)
    gap = np.where(other, about + 1 / (c - 1), 0.0)
    found = {
        "class_coherence": np.max(np.abs(plain[:, other]), axis=1),
        "class_largest_cosine": np.max(about[:, other], axis=1),
        "class_simplex_error_centred": np.sqrt(np.sum(gap**2, axis=(1, 2))) / c,
        "class_frame_potential": np.sum(plain**2, axis=(1, 2)),
    }
    if max(s.counts) > 1:
        scatter = (2 * (1 - np.sqrt(1 - variances)) if s.normalize else variances) @ share
        middle = means - np.einsum("k,bkd->bd", share, means)[:, None]
        total = variances @ share + np.sum(middle**2, axis=2) @ share
        found |= {"collapse_ratio": scatter / total, "scatter_ratio": variances @ share / total}
    return found


def answers_of_spectrum(s: Setting, rng: np.random.Generator) -> dict[str, Float[np.ndarray, " b"]]:
    """Draws of the effective rank; none where rows and dimensions are many."""
    side = min(round(s.rows), s.dim)
    draws = min(MAX_DRAWS, int(MAX_CUBES / side**3))
    if side < 2 or draws < FEWEST_DRAWS:
        return {}
    values = np.stack([np.linalg.eigvalsh(isotropic_scatter(s, rng)) for _ in range(draws)])
    values = np.where(values > 1e-12 * values[:, -1:], values, 0.0)
    p = values / np.sum(values, axis=1, keepdims=True)
    logs = np.log(np.where(p > 0, p, 1.0))
    return {"effective_rank": np.exp(-np.sum(p * logs, axis=1))}


def isotropic_scatter(s: Setting, rng: np.random.Generator) -> Float[np.ndarray, "r r"]:
    """The scatter of all rows about their mean, up to scale."""
    if not drawn_as_rows(s, True):
        return _wishart(s.rows - 1, s, rng)
    rows = gaussian_rows(round(s.rows), s.dim, rng)
    rows = _unit(rows) if s.normalize else rows
    rows -= np.mean(rows, axis=0)
    return rows.T @ rows
