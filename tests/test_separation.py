"""VCI and CDNV: the formulas, what changes nothing, close and merged classes, and tiles."""

import jax
import numpy as np
import pytest

from gramax import pairs
from gramax.evidence import Evidence
from gramax.moments import ClassMoments
from gramax.options import Options
from gramax.registry import METRICS
from gramax.separation import cdnv, vci
from tests import field
from tests.test_variability import SHAPES, clouds, reason


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("f", [cdnv, vci])
def test_formula(rng, f, size):
    z, y = clouds(rng, *size)
    expected = getattr(field, f.__name__)(z, y)
    np.testing.assert_allclose(f(z.astype(np.float32), y, size[2]), expected, rtol=2e-5)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(z, y, size[2]), expected, rtol=1e-10)


def test_vci_is_unchanged_by_a_linear_map(rng):
    z, y = clouds(rng, 300, 6, 4)
    bend = rng.normal(size=(6, 6)) + 2 * np.eye(6)
    with jax.enable_x64(True):
        np.testing.assert_allclose(vci(z @ bend + 5, y, 4), vci(z, y, 4), rtol=1e-9)
        assert abs(cdnv(z @ bend, y, 4) / cdnv(z, y, 4) - 1) > 0.01


def test_vci_stays_in_its_range_for_unequal_classes(rng):
    """With Σ_B = (1/K) Σ beside the sample's Σ_T, three small far classes give a negative value."""
    y = np.repeat([0, 1, 2, 3], [400, 5, 5, 5]).astype(np.int32)
    z = 5 * np.eye(4)[y] + 0.3 * rng.normal(size=(415, 4))
    means, _, between, *_ = field.stats(z, y)
    literal = 1 - np.trace(np.linalg.pinv(np.cov(z.T, bias=True)) @ between) / 3
    assert literal < -1
    for weighting in ("sample", "macro"):
        assert 0 <= vci(z.astype(np.float32), y, 4, options=Options(weighting=weighting)) <= 1


def test_vci_of_coinciding_means_is_the_worst(rng):
    z = rng.normal(size=(50, 3)).astype(np.float32)
    z, y = np.concatenate([z, z]), np.repeat([0, 1], 50).astype(np.int32)
    np.testing.assert_allclose(vci(z, y, 2), 1, atol=1e-5)
    assert np.isnan(vci(np.ones((6, 3), np.float32), np.arange(6) % 3, 3))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_cdnv_of_two_close_classes_among_far_ones(rng, offset):
    """The closest pair makes the number: its distance must not come from |a|² + |b|² - 2ab."""
    y = np.repeat(np.arange(4), 50).astype(np.int32)
    centres = 10 * rng.normal(size=(4, 8))
    centres[3] = centres[2] + 1e-2 * rng.normal(size=8)
    z = (centres[y] + 1e-2 * rng.normal(size=(200, 8)) + offset).astype(np.float32)
    np.testing.assert_allclose(cdnv(z, y, 4), field.cdnv(z, y), rtol=2e-5)


def test_merged_classes_are_named():
    z = np.array([[1.0, 0], [-1, 0], [5, 5], [6, 6], [0, 1], [0, -1]], np.float32)
    y = np.array([0, 0, 1, 1, 2, 2], np.int32)
    assert np.isnan(cdnv(z, y, 3))
    assert reason("cdnv", z, y, 3) == "classes 0 and 2 have the same mean"


@pytest.mark.parametrize("name", ["cdnv", "gnc2_log_variance", "nc2_etf_error", "nc2_equiangular"])
def test_tiles_change_nothing(rng, monkeypatch, name):
    z, y = clouds(rng, 300, 5, 23)
    moments = ClassMoments.of(z.astype(np.float32), y * 2, 50, normalize=False)
    whole = METRICS[name].value(Evidence(moments))
    monkeypatch.setattr(pairs, "TILE", 7)
    np.testing.assert_allclose(METRICS[name].value(Evidence(moments)), whole, rtol=1e-5)


def shapes(jaxpr):
    """Sizes of every value of a program, those of its loops and branches included."""
    for equation in jaxpr.eqns:
        yield from (v.aval.size for v in equation.outvars if hasattr(v.aval, "size"))
        for inner in jax.tree.leaves(
            tuple(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from shapes(inner)


def test_no_metric_of_the_moments_makes_a_matrix_of_all_classes():
    from gramax.reporting import report

    c, d = 3000, 8
    moments = ClassMoments.empty(c, d)
    sizes = list(shapes(jax.make_jaxpr(report)(moments).jaxpr))
    assert len(sizes) > 1000
    assert max(sizes) <= 2 * pairs.TILE**2 < c * c / 4
