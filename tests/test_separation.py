"""Metrics of pairs of classes: ranges, tiles, and no matrix of all classes."""

import jax
import numpy as np

from gramax.arrays import pairs
from gramax.metrics import vci
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.metrics.report import report
from gramax.moments.class_moments import ClassMoments
from tests import field


def test_vci_stays_in_its_range_for_unequal_classes(rng):
    """With Σ_B = (1/K) Σ beside the sample's Σ_T, three small far classes give a negative value."""
    y = np.repeat([0, 1, 2, 3], [400, 5, 5, 5]).astype(np.int32)
    z = 5 * np.eye(4)[y] + 0.3 * rng.normal(size=(415, 4))
    between = field.stats(z, y)[2]
    literal = 1 - np.trace(np.linalg.pinv(np.cov(z.T, bias=True)) @ between) / 3
    assert literal < -1
    for weighting in ("sample", "macro"):
        assert 0 <= vci(z.astype(np.float32), y, 4, options=Options(weighting=weighting)) <= 1


def test_tiles_change_nothing(rng, monkeypatch):
    names = ("cdnv", "gnc2_log_variance", "nc2_etf_error", "nc2_equiangular")
    y = (np.arange(300) % 23 * 2).astype(np.int32)  # every other class is absent
    z = rng.normal(size=(46, 5))[y] + rng.normal(size=(300, 5))
    moments = ClassMoments.of(z.astype(np.float32), y, 50, normalize=False, scatter=False)
    monkeypatch.setattr(pairs, "TILE_SIDE", 7)
    tiled = jax.jit(lambda m: [METRICS[name].value(Evidence(m)) for name in names])(moments)
    np.testing.assert_allclose(tiled, [getattr(field, name)(z, y) for name in names], rtol=1e-5)


def sizes(jaxpr):
    """Sizes of every value of a program, those of its loops and branches included."""
    for equation in jaxpr.eqns:
        yield from (v.aval.size for v in equation.outvars if hasattr(v.aval, "size"))
        inner = jax.tree.leaves(
            tuple(equation.params.values()),
            is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr"),
        )
        for one in inner:
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                yield from sizes(one)


def test_no_metric_of_the_moments_makes_a_matrix_of_all_classes():
    c, d = 3000, 8
    found = list(sizes(jax.make_jaxpr(report)(ClassMoments.empty(c, d)).jaxpr))
    assert len(found) > 1000
    assert max(found) <= 2 * pairs.TILE_SIDE**2 < c * c / 4
