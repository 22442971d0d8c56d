"""Every number of moments in float64 NumPy, by formulas that share nothing with the library's.

`tests.field` and `tests.transcription` hold most of them. The seed adds 1e-8 to the lengths that it
divides by; where that would show in the tenth digit, its functions are given codes a million long.
"""

import numpy as np
from tests import field
from tests import transcription as seed

N, D, C = 24, 4, 6
LONG = 1e6
LABELLED = (
    *("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci", "lidar"),
    *("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance"),
)
OF_ROWS = (
    *("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req"),
    *("mean_cosine", "wasserstein_uniformity", "outlier_directions", "bulk_share"),
)


def rows(few=False):
    """Five classes in four dimensions, or three; class 3 of six is absent, sizes differ."""
    rng = np.random.default_rng(20261123)
    y = np.array([0] * 8 + [1] * 6 + [5] * 4 + [2] * 3 + [4] * 3)
    if few:
        y = np.where((y == 4) | (y == 2), 0, y)
    z = rng.normal(size=(C, D))[y] + 0.5 * rng.normal(size=(N, D)) + 0.3
    return z, y


def codes_of(x, y):
    return field.unit([x[y == k].mean(axis=0) for k in np.unique(y)])


def centred_codes(x, y):
    means = field.stats(x, y)[0]
    return field.unit(means - means.mean(axis=0))


def scatter_ratio(x, y):
    return np.trace(field.stats(x, y)[1]) / x.var(axis=0).sum()


def tight_frame_gap(codes):
    k, d = codes.shape
    return seed.frame_potential(codes) / max(k, k * k / d) - 1


CODES = {
    "class_simplex_error": lambda m: seed.simplex_error(LONG * m),
    "class_coherence": lambda m: seed.coherence(LONG * m),
    "class_welch_gap": lambda m: seed.welch_gap(LONG * m),
    "class_babel": field.babel,
    "class_average_coherence": field.average_coherence,
    "class_frame_potential": seed.frame_potential,
    "class_tight_frame_gap": tight_frame_gap,
}


def expected(z, y, normalize):
    """Every metric of moments of these rows by name."""
    x = field.unit(z) if normalize else np.asarray(z, float)
    numbers = {name: getattr(field, name)(x, y) for name in LABELLED}
    numbers |= {name: getattr(field, name)(x) for name in OF_ROWS}
    numbers |= {name: f(codes_of(x, y)) for name, f in CODES.items()}
    numbers["effective_rank"] = seed.effective_rank(x)
    numbers["scatter_ratio"] = scatter_ratio(x, y)
    centred = centred_codes(x, y)
    numbers["class_simplex_error_centred"] = seed.simplex_error(LONG * centred)
    numbers["class_largest_cosine"] = field.off_pairs(centred @ centred.T).max()
    if normalize:
        y = np.unique(y, return_inverse=True)[1]
        within = seed.within_class_variance(x, y, y.max() + 1, 0)
        numbers["within_class_variance"] = within
        numbers["collapse_ratio"] = within / (seed.total_scatter(x, 0) + 1e-8)
    else:
        numbers["within_class_variance"] = np.trace(field.stats(x, y)[1])
        numbers["collapse_ratio"] = numbers["scatter_ratio"]
        numbers["mean_cosine"] = np.nan  # raw moments do not hold directions
    return numbers
