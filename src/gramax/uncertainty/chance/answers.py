"""What pure chance gives for the five answers where no law is known: all draws at once.

The numbers of a verdict need class means, their lengths, and a spectrum: not the rows. Those are
drawn from their laws for some hundred data sets together, in a few hundredths of a second.
"""

from __future__ import annotations

import numpy as np

from gramax._shapes import Float
from gramax.uncertainty.chance.cosines import length_shapes
from gramax.uncertainty.chance.draws import gaussian_rows, isotropic_scatter, unit
from gramax.uncertainty.chance.laws import Setting

MAX_DRAWS, FEWEST_DRAWS = 200, 20
"""Draws at most, and those with fewer of which a number is left without a baseline."""

MAX_NUMBERS, MAX_CUBES = 4e6, 1e7
"""Numbers drawn in all, and cubes of the side of a spectrum: some hundredths of a second each."""


def of_codes(s: Setting, rng: np.random.Generator) -> dict[str, Float[np.ndarray, " b"]]:
    """Draws of the numbers that class means determine; none for too many classes, or for one."""
    c = s.classes
    draws = min(MAX_DRAWS, int(MAX_NUMBERS / (c * (c + min(c, s.dim)))))
    if c < 2 or draws < FEWEST_DRAWS:
        return {}
    counts, share = np.asarray(s.counts), s.share
    means = np.stack([gaussian_rows(c, s.dim, rng) for _ in range(draws)])
    if s.normalize:
        shapes = length_shapes(counts, s.dim)
        squares = np.where(counts > 1, rng.beta(*shapes, (draws, c)), 1.0)
        means = unit(means) * np.sqrt(squares)[..., None]
        variances = 1 - squares
        scatter = 2 * (1 - np.sqrt(squares)) @ share
    else:
        means *= np.sqrt(s.variance / counts)[:, None]
        freedom = s.dim * np.maximum(counts - 1, 0) / 2
        variances = 2 * s.variance * rng.standard_gamma(freedom, (draws, c)) / counts
        scatter = variances @ share
    middle = means - np.einsum("k,bkd->bd", share, means)[:, None]
    total = variances @ share + np.sum(middle**2, axis=2) @ share
    codes = unit(means)
    centred = unit(means - np.mean(means, axis=1, keepdims=True))
    plain, about = (x @ x.transpose(0, 2, 1) for x in (codes, centred))
    other = ~np.eye(c, dtype=bool)
    gap = np.where(other, about + 1 / (c - 1), 0.0)
    found = {
        "class_coherence": np.max(np.abs(plain[:, other]), axis=1),
        "class_largest_cosine": np.max(about[:, other], axis=1),
        "class_simplex_error_centred": np.sqrt(np.sum(gap**2, axis=(1, 2))) / c,
    }
    if np.max(counts) > 1:
        found["collapse_ratio"] = scatter / total
        found["scatter_ratio"] = variances @ share / total
    return found


def of_spectrum(s: Setting, rng: np.random.Generator) -> dict[str, Float[np.ndarray, " b"]]:
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
