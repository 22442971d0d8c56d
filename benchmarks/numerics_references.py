"""What every metric is, in float64 or with 50 digits, of rows taken as exact.

The formulas are those of the tests (`tests.field` and `tests.transcription`), which share nothing
with the library. A metric that declares itself undefined on such rows has no reference: NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from tests import field
from tests import transcription as seed

from gramax.arrays.cloud import SAME_POINT_UNITS

Rows = np.ndarray

TARGETS = 2
"""Continuous targets of a regression."""


def _within(z: Rows, y: Rows) -> float:
    """Of raw rows: the trace of Σ_W."""
    return np.trace(field.stats(z, y)[1])


def _code_scatter(z: Rows, y: Rows) -> float:
    if _within(z, y) == 0:  # the code of copies is normalised again, with rounding
        return 0.0
    return seed.within_class_variance(z, y, y.max() + 1, eps=0)


def _collapse(z: Rows, y: Rows) -> float:
    return _code_scatter(z, y) / (seed.total_scatter(z, eps=0) + 1e-8)


def _scatter(z: Rows, y: Rows) -> float:
    return _within(z, y) / np.mean(np.sum((z - field.mean(z)) ** 2, axis=1))


def _mean_cosine(z: Rows) -> float:
    """The mean over all pairs, those of a row with itself taken off again."""
    return (np.sum(np.sum(z, axis=0) ** 2) - len(z)) / (len(z) * (len(z) - 1))


def _largest_cosine(codes: Rows) -> float:
    return field.off_pairs(codes @ codes.T).max()


def _simplex_error(codes: Rows) -> float:
    return np.sqrt(np.mean((codes @ codes.T - seed.simplex_gram(len(codes))) ** 2))


def _coherence(codes: Rows) -> float:
    return np.abs(field.cosines(codes)).max()


def _welch_gap(codes: Rows) -> float:
    return _coherence(codes) - seed.welch_floor(*codes.shape)


def _tight_frame_gap(codes: Rows) -> float:
    c, d = codes.shape
    return seed.frame_potential(codes) / max(c, c * c / d) - 1


LABELLED: dict[str, Callable] = {
    name: getattr(field, name)
    for name in (
        *("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci", "lidar", "nc2_equinorm"),
        *("nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance"),
    )
} | {"scatter_ratio": _scatter}
SPHERE = {"within_class_variance": _code_scatter, "collapse_ratio": _collapse}
RAW = {"within_class_variance": _within, "collapse_ratio": _scatter}
SPECTRAL: dict[str, Callable] = {
    name: getattr(field, name)
    for name in (
        *("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req"),
        *("wasserstein_uniformity", "outlier_directions", "bulk_share"),
    )
} | {"effective_rank": seed.effective_rank}
CODES: dict[str, Callable] = {
    "class_simplex_error": _simplex_error,
    "class_coherence": _coherence,
    "class_welch_gap": _welch_gap,
    "class_babel": field.babel,
    "class_average_coherence": field.average_coherence,
    "class_frame_potential": seed.frame_potential,
    "class_tight_frame_gap": _tight_frame_gap,
}
CENTRED: dict[str, Callable] = {
    "class_simplex_error_centred": _simplex_error,
    "class_largest_cosine": _largest_cosine,
}
UNLABELLED = tuple(SPECTRAL)
"""Metrics that need no labels, but are more precise with them: classes keep their own digits."""


def of_moments(z: Rows, y: Rows, normalize: bool) -> dict[str, float]:
    """The metrics that moments determine."""
    z = np.asarray(z, np.float64)
    z = field.unit(z) if normalize else z
    means = field.stats(z, y)[0]
    codes, centred = (field.unit(m) for m in (means, means - field.mean(means)))
    found: dict[str, Callable[[], float]] = {}
    for table, rows in (
        (LABELLED | (SPHERE if normalize else RAW), (z, y)),
        (SPECTRAL | ({"mean_cosine": _mean_cosine} if normalize else {}), (z,)),
        (CODES, (codes,)),
        (CENTRED, (centred,)),
    ):
        found |= {name: partial(f, *rows) for name, f in table.items()}
    undefined = _undefined(z, y)
    return {name: np.nan if name in undefined else float(f()) for name, f in found.items()}


def _undefined(z: Rows, y: Rows) -> set[str]:
    """As the registry declares it: classes of one row, or of copies of one row."""
    if np.bincount(y).max() < 2:
        return {*RAW, *LABELLED} - {name for name in LABELLED if name.startswith(("nc2", "gnc2"))}
    return {"lidar"} if _within(z, y) == 0 else set()


def _copies(z: np.ndarray) -> np.ndarray:
    """Which rows lie closer to an earlier one than the rounding of float32: they are one point."""
    reach = SAME_POINT_UNITS * np.finfo(np.float32).eps * np.linalg.norm(z.astype(float), axis=1)
    near = field.squared_distances(z) <= reach[:, None] ** 2
    return np.tril(near, -1).any(axis=1)


def of_rows(z: Rows, others: dict[str, Rows]) -> dict[str, Any]:
    """The metrics that need the rows, and what comes with them (see `numerics.beside`)."""
    z, y = np.asarray(z, np.float64), others["y"]
    distinct = z[~_copies(z)]
    near = len(distinct) > 20  # k neighbours and one more
    skewness, share = field.hubness(distinct) if near else (np.nan, np.nan)
    W, means, b, outlier, positives = (
        others[name].astype(np.float64) for name in ("W", "means", "b", "outlier", "positives")
    )
    return {
        "alignment": field.alignment(z, positives),
        "uniformity": field.uniformity(z),
        "nrc1": field.nrc1(z, TARGETS),
        "two_nn": field.two_nn(distinct) if len(distinct) > 2 else np.nan,
        "mle_id": field.mle_id(distinct) if near else np.nan,
        "hubness": skewness,
        "anti_hub_share": share,
        "nc3_self_duality": field.nc3_self_duality(W, means),
        "nc3_uniform_duality": field.nc3_uniform_duality(W, means),
        "nc4_agreement": field.nc4_agreement(z, W, b, y),
        "nc5_orthogonality": field.nc5_orthogonality(means, outlier),
    }
