"""The metrics, a file for each family; importing this package fills the registry.

The five questions are `collapse`, `rank`, `simplex`, `crosstalk` and `reach`; beside them stand the
families that answer the same question by other formulas.
"""

from gramax.metrics.babel import average_coherence, babel
from gramax.metrics.classifier import nc3_self_duality, nc3_uniform_duality, nc5_orthogonality
from gramax.metrics.collapse import collapse_ratio, scatter_ratio, within_class_variance
from gramax.metrics.crosstalk import (
    coherence,
    smooth_coherence_loss,
    welch_floor,
    welch_gap,
    worst_pairs,
)
from gramax.metrics.decisions import nc4_agreement
from gramax.metrics.dispersion import gnc2_log
from gramax.metrics.entropy import lidar, rankme
from gramax.metrics.equiangular import nc2_equiangular, nc2_equinorm, nc2_etf_error
from gramax.metrics.histogram import crosstalk_histogram
from gramax.metrics.hubs import hubness
from gramax.metrics.neighbours import mle_id, two_nn
from gramax.metrics.powerlaw import alpha_req
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.metrics.reach import descent, frame_potential, run_many
from gramax.metrics.separation import cdnv, vci
from gramax.metrics.simplex import simplex_error, simplex_gram, simplex_step
from gramax.metrics.spectra import isoscore, nesum, participation_ratio, stable_rank
from gramax.metrics.uniform import alignment, mean_cosine, uniformity
from gramax.metrics.variability import nc1_pinv, nc1_quotient, nc1_svd

__all__ = [
    "alignment",
    "alpha_req",
    "average_coherence",
    "babel",
    "cdnv",
    "coherence",
    "collapse_ratio",
    "covariance_eigs",
    "crosstalk_histogram",
    "descent",
    "effective_rank",
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
    "welch_floor",
    "welch_gap",
    "within_class_variance",
    "worst_pairs",
]
