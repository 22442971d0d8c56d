"""Weights: their scale does not matter, however small their sum is."""

import numpy as np
import pytest
from tests.libraries.libraries import Library, every_library
from tests.libraries.reference import C, N, rows

import gramax
from gramax import ClassMoments
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS

Z, Y = rows()
WEIGHTS = np.random.default_rng(2).choice([0.5, 1.0, 1.7, 0.0], N)
SCALES = [1e-3, 2 / WEIGHTS.sum(), 0.37, 1e3]


def moments(z, y, w, normalize=True):
    return ClassMoments.empty(C, z.shape[1], normalize=normalize).update(z, y, w)


@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("weights", [WEIGHTS, np.ones(N)], ids=["uneven", "even"])
def test_the_scale_of_weights_does_not_matter(weights, scale, normalize):
    plain = gramax.report(moments(Z, Y, weights, normalize))
    scaled = gramax.report(moments(Z, Y, scale * weights, normalize))
    for name, right in plain.items():
        np.testing.assert_allclose(scaled[name], right, rtol=1e-10, err_msg=name)


@every_library
def test_on_every_library(library):
    def two(z, y, w):
        return tuple(gramax.report(moments(z, y, s * w)) for s in (1.0, 2**-9))

    plain, scaled = library.run(two, Z, Y, WEIGHTS)
    for name, right in plain.items():
        np.testing.assert_allclose(
            scaled[name], right, rtol=library.tolerance, atol=1e-6 * (library.dtype == "float32"),
            err_msg=name,
        )  # fmt: skip


def test_equal_weights_are_none():
    plain = gramax.report(ClassMoments.of(Z, Y, C))
    for scale in (1.0, 0.01):
        even = gramax.report(moments(Z, Y, np.full(N, scale)))
        for name, right in plain.items():
            np.testing.assert_allclose(even[name], right, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_are_counted_whatever_they_weigh(rows):
    """One row of weight 1,000 is one row, and three of 0.001 are three."""
    z, y = Z[:rows], np.arange(rows) % 2
    plain = Evidence(ClassMoments.of(z, y, 2))
    for scale in (1e-3, 1e3):
        weighted = Evidence(ClassMoments.of(z, y, 2, np.full(rows, scale)))
        for metric in METRICS:
            assert metric.reason(weighted) == metric.reason(plain), metric.name


def test_whole_weights_repeat_rows_but_for_what_counts_rows():
    """A covariance divides by rows less one, and a pair of copies is no pair of rows."""
    times = np.random.default_rng(3).integers(0, 4, N)
    weighted = gramax.report(moments(Z, Y, times.astype(float)))
    repeated = gramax.report(ClassMoments.of(np.repeat(Z, times, axis=0), np.repeat(Y, times), C))
    counted = {"rankme", "mean_cosine", "lidar"}
    for name in weighted.keys() - counted:
        np.testing.assert_allclose(weighted[name], repeated[name], rtol=1e-9, err_msg=name)


def test_merging_keeps_weights():
    library = Library("numpy", "float64")
    w = 0.003 * WEIGHTS
    parts = [moments(Z[at], Y[at], w[at]) for at in (slice(0, 9), slice(9, N))]
    merged = gramax.report(parts[0].merge(parts[1]))
    for name, right in gramax.report(moments(Z, Y, w)).items():
        np.testing.assert_allclose(merged[name], right, rtol=library.tolerance, err_msg=name)
