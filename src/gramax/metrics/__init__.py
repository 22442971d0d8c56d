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

__all__ = ["bulk_share", "nrc1", "outlier_directions", "wasserstein_uniformity"]
__all__ += ["nc3_self_duality", "nc3_uniform_duality", "nc4_agreement", "nc5_orthogonality"]
__all__ += ["cdnv", "collapse_ratio", "nc1_pinv", "nc1_quotient", "nc1_svd", "scatter_ratio", "vci"]
__all__ += ["within_class_variance"]
__all__ += ["average_coherence", "babel", "coherence", "crosstalk_histogram"]
__all__ += ["smooth_coherence_loss", "welch_floor", "welch_gap", "worst_pairs"]
__all__ += ["feature_dimensionality"]
__all__ += ["hubness", "mle_id", "two_nn"]
__all__ += ["alignment", "mean_cosine", "uniformity"]
__all__ += ["alpha_req", "covariance_eigs", "effective_rank", "isoscore", "lidar", "nesum"]
__all__ += ["participation_ratio", "rankme", "stable_rank"]
__all__ += ["descent", "frame_potential", "run_many"]
__all__ += ["gnc2_log", "nc2_equiangular", "nc2_equinorm", "nc2_etf_error", "simplex_error"]
__all__ += ["simplex_gram", "simplex_step"]
