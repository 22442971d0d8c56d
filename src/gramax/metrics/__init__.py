"""The metrics, a file for each question; importing this package fills the registry.

The five questions are `collapse`, `rank` (and `bulk`), `simplex`, `crosstalk` and `reach`;
`classifier`, `neighbours` and `pairs` answer them from a classifier's weights and from the rows
themselves, and `dictionary` those of a codebook by itself.
"""

from gramax.metrics.bulk import bulk_share, nrc1, outlier_directions, wasserstein_uniformity
from gramax.metrics.classifier import (
    nc3_self_duality,
    nc3_uniform_duality,
    nc4_agreement,
    nc5_orthogonality,
)
from gramax.metrics.collapse import (
    cdnv,
    collapse_ratio,
    nc1_pinv,
    nc1_quotient,
    nc1_svd,
    scatter_ratio,
    vci,
    within_class_variance,
)
from gramax.metrics.crosstalk import (
    average_coherence,
    babel,
    coherence,
    crosstalk_histogram,
    smooth_coherence_loss,
    welch_floor,
    welch_gap,
    worst_pairs,
)
from gramax.metrics.dictionary import feature_dimensionality
from gramax.metrics.neighbours import hubness, mle_id, two_nn
from gramax.metrics.pairs import alignment, mean_cosine, uniformity
from gramax.metrics.rank import (
    alpha_req,
    covariance_eigs,
    effective_rank,
    isoscore,
    lidar,
    nesum,
    participation_ratio,
    rankme,
    stable_rank,
)
from gramax.metrics.reach import descent, frame_potential, run_many
from gramax.metrics.simplex import (
    gnc2_log,
    nc2_equiangular,
    nc2_equinorm,
    nc2_etf_error,
    simplex_error,
    simplex_gram,
    simplex_step,
)

__all__ = [
    "alignment",
    "alpha_req",
    "average_coherence",
    "babel",
    "bulk_share",
    "cdnv",
    "coherence",
    "collapse_ratio",
    "covariance_eigs",
    "crosstalk_histogram",
    "descent",
    "effective_rank",
    "feature_dimensionality",
    "frame_potential",
    "gnc2_log",
    "hubness",
    "isoscore",
    "lidar",
    "mean_cosine",
    "mle_id",
    "nc1_pinv",
    "nc1_quotient",
    "nc1_svd",
    "nc2_equiangular",
    "nc2_equinorm",
    "nc2_etf_error",
    "nc3_self_duality",
    "nc3_uniform_duality",
    "nc4_agreement",
    "nc5_orthogonality",
    "nesum",
    "nrc1",
    "outlier_directions",
    "participation_ratio",
    "rankme",
    "run_many",
    "scatter_ratio",
    "simplex_error",
    "simplex_gram",
    "simplex_step",
    "smooth_coherence_loss",
    "stable_rank",
    "two_nn",
    "uniformity",
    "vci",
    "wasserstein_uniformity",
    "welch_floor",
    "welch_gap",
    "within_class_variance",
    "worst_pairs",
]
