"""Numbers of a few labelled rows: by the registry, and by the field's formulas."""

from tests import field

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments

N, D, C = 24, 4, 6
COLLAPSE = ("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci")
SIMPLEX = ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance")
RANK = ("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req")
NAMES = (*COLLAPSE, "lidar", *SIMPLEX, *RANK)


def moments(z, y, c=C, normalize=False):
    return ClassMoments.of(z, y, c, normalize=normalize)


def value(name, m, **options):
    return float(METRICS[name].value(Evidence(m, Options(**options))))


def right(name, z, y, **how):
    f = getattr(field, name)
    return f(z, y, **how) if name in (*COLLAPSE, "lidar", *SIMPLEX) else f(z, **how)
