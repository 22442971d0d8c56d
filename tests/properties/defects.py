"""For each audit question a space without fault, and the same space with more and more of one.

Every metric of a question that has a better direction worsens at every step of its fault, and has
the best value that it can have (or nearly) where there is none.
"""

import numpy as np
from tests.properties.spaces import C, D, N, rotation, space

Y = np.arange(N) % C
SIMPLEX = np.linalg.svd(np.eye(C) - 1 / C)[0][:, : C - 1] * (C / (C - 1)) ** 0.5
"""Corners of a regular simplex: unit vectors in C-1 dimensions."""


def in_space(codes):
    """Codes of fewer dimensions as codes of D."""
    return np.pad(codes, ((0, 0), (0, D - codes.shape[1])))


def opposites(half):
    """Rows in pairs, one opposite the other, within a class: they leave its mean where it is."""
    return np.concatenate([half, -half]).reshape(N, -1)


def noise(rng, d=D, alike=False):
    """Such rows; where `alike`, the same in every class."""
    half = rng.normal(size=(N // C // 2, 1 if alike else C, d)) / D**0.5
    return opposites(np.broadcast_to(half, (N // C // 2, C, d)))


def spread_classes(rng, size):
    """Collapse: rows leave the mean of their class, and positive pairs part."""
    z = in_space(SIMPLEX)[Y] + size * noise(rng)
    return space(rng, z, Y, pair=z + size * noise(rng))


def drop_rank(rng, size):
    """Rank: rows fade out of half of the dimensions, and class means faster; isotropic before."""
    codes = in_space(1.5 * SIMPLEX)[Y]
    rows = noise(rng)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T, bias=True))).T
    rows = rows * np.sqrt(1 - np.mean(codes**2, axis=0))
    fade = np.where(np.arange(D) % 2, 1, 1 - 0.9 * size)
    return space(rng, fade * rows + fade**2 * codes, Y)


def break_simplex(rng, size):
    """Simplex: one class moves towards another, and its weights out of the space of the classes.

    There, along the last axis, rows of all classes are spread evenly.
    """
    codes, W = in_space(SIMPLEX), in_space(SIMPLEX)
    codes[0] += 0.7 * size * (codes[1] - codes[0])
    W[0, -1] += 2 * size
    rows = np.pad(noise(rng, D - C + 1, alike=True), ((0, 0), (C - 1, 0)))
    rows[:, -1] = opposites(np.repeat(np.linspace(0.2, 4, N // C // 2), C))[:, 0]
    return space(rng, codes[Y] + rows, Y, W=W, b=np.zeros(C))


def add_crosstalk(rng, size):
    """Crosstalk and reach: from orthonormal codes two approach; outliers approach all classes."""
    codes, far = np.eye(C, D), np.eye(D)[C]
    codes[0] += 0.9 * size * (codes[1] - codes[0])
    outlier = far + size * (codes.mean(axis=0) - far)
    rows = np.pad(noise(rng, D - C, alike=True), ((0, 0), (C, 0)))
    return space(rng, codes[Y] + rows, Y, outlier=outlier)


def crowd_neighbours(rng, size):
    """Crosstalk of neighbours: from a shell of rows some move to its centre, and others far out."""
    rows = rng.normal(size=(N, D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:4] *= 1 - 0.9 * size
    out = round(2 * D * size**2)
    rows[4 : 4 + out] = 6 * np.concatenate([np.eye(D), -np.eye(D)])[:out]
    return space(rng, rows, Y)


QUESTIONS = {
    "collapse": spread_classes,
    "rank": drop_rank,
    "simplex": break_simplex,
    "crosstalk": add_crosstalk,
    "reach": add_crosstalk,
}
FAULTS = set(QUESTIONS.values()) | {crowd_neighbours}


def fault_of(metric):
    """The fault that a metric must see: by its question, and by what it looks at."""
    if "targets" in metric.needs:  # which are to take few directions
        return spread_classes
    of_neighbours = "rows" in metric.needs and metric.name != "uniformity"
    return crowd_neighbours if of_neighbours else QUESTIONS[metric.question]


def planted(fault, seed, size):
    """The space with a fault of `size` in [0, 1], turned at random."""
    rng = np.random.default_rng(seed)
    Q = rotation(rng)
    return fault(rng, size).mapped(lambda x: x @ Q, lambda W: W @ Q)
