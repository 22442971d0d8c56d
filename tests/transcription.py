"""The seed's formulas, transcribed in float64 NumPy: the reference that the library is held to."""

import numpy as np


def unit(x, eps=1e-8):
    x = np.asarray(x, np.float64)
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + eps)


def class_means(z, y, c, eps=1e-8):
    z = unit(z, eps)
    return unit(np.stack([z[y == k].mean(axis=0) for k in range(c)]), eps)


def within_class_variance(z, y, c, eps=1e-8):
    return np.mean(np.sum((unit(z, eps) - class_means(z, y, c, eps)[y]) ** 2, axis=1))


def total_scatter(z, eps=1e-8):
    z = unit(z, eps)
    return np.mean(np.sum((z - z.mean(axis=0)) ** 2, axis=1))


def collapse_ratio(z, y, c, eps=1e-8):
    """With eps = 0 every epsilon is left out: at depth they weigh more than what is measured."""
    return within_class_variance(z, y, c, eps) / (total_scatter(z, eps) + eps)


def covariance_eigs(z):
    z = np.asarray(z, np.float64)
    z = z - z.mean(axis=0)
    return np.maximum(np.linalg.eigvalsh(z.T @ z / (len(z) - 1)), 0)


def effective_rank(z, eps=1e-12):
    values = covariance_eigs(z)
    p = values / values.sum()
    return np.exp(-np.sum(p * np.log(p + eps)))


def simplex_gram(c):
    return np.full((c, c), -1 / (c - 1)) + np.eye(c) * (1 + 1 / (c - 1))


def simplex_error(means):
    means = unit(means)
    return np.sqrt(np.mean((means @ means.T - simplex_gram(len(means))) ** 2))


def off_diagonal(x):
    x = unit(x)
    return np.abs((x @ x.T)[~np.eye(len(x), dtype=bool)])


def coherence(x):
    return off_diagonal(x).max()


def welch_floor(c, d):
    return np.sqrt(max(c - d, 0) / (d * max(c - 1, 1)))


def welch_gap(x):
    return coherence(x) - welch_floor(*np.shape(x))


def smooth_coherence_loss(x, beta=30.0):
    x = unit(x)
    n, d = x.shape
    tightness = np.sum((x.T @ x / n - np.eye(d) / d) ** 2)
    sizes = np.abs((x @ x.T)[~np.eye(n, dtype=bool)])
    return np.log(np.sum(np.exp(beta * sizes))) / beta + 0.15 * tightness


def frame_potential(x):
    x = np.asarray(x, np.float64)
    return np.sum((x @ x.T) ** 2)


def latent_geometry_report(z, y, c):
    means = class_means(z, y, c)
    return {
        "collapse_ratio": collapse_ratio(z, y, c),
        "within_class_variance": within_class_variance(z, y, c),
        "effective_rank": effective_rank(z),
        "class_simplex_error": simplex_error(means),
        "class_coherence": coherence(means),
        "class_welch_gap": welch_gap(means),
    }
