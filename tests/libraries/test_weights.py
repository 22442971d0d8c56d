"""Weights: their scale does not matter, however small their sum is."""

import numpy as np
import pytest
from tests.libraries.libraries import every_library
from tests.libraries.reference import C, N, rows

import gramax
from gramax import ClassMoments
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS

Z, Y = rows()
WEIGHTS = np.random.default_rng(2).choice([0.5, 1.0, 1.7, 0.0], N)


def reported(z, y, w=None, normalize=True):
    return gramax.report(ClassMoments.of(z, y, C, w, normalize=normalize))


def same(found, right, rtol=1e-10, atol=0.0, but=()):
    for name in right.keys() - set(but):
        np.testing.assert_allclose(found[name], right[name], rtol, atol, err_msg=name)


@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
@pytest.mark.parametrize("scale", [1e-3, 2 / WEIGHTS.sum(), 1e3])
def test_the_scale_of_weights_does_not_matter(scale, normalize):
    right = reported(Z, Y, WEIGHTS, normalize)
    same(reported(Z, Y, scale * WEIGHTS, normalize), right)
    at, rest = slice(0, 9), slice(9, N)
    part = lambda at: ClassMoments.of(Z[at], Y[at], C, scale * WEIGHTS[at], normalize=normalize)  # noqa: E731
    same(gramax.report(part(at).merge(part(rest))), right)
    same(reported(Z, Y, np.full(N, scale), normalize), reported(Z, Y, None, normalize))


@every_library
def test_on_every_library(library):
    plain, scaled = (library.run(reported, Z, Y, s * WEIGHTS) for s in (1.0, 2**-9))
    same(scaled, plain, library.tolerance, 1e-6 * (library.dtype == "float32"))


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
    repeated = reported(np.repeat(Z, times, axis=0), np.repeat(Y, times))
    counted = {"rankme", "mean_cosine", "lidar"}
    same(reported(Z, Y, times.astype(float)), repeated, 1e-9, but=counted)
