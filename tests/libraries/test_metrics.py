"""Every metric of the registry on every array library, held to formulas in float64."""

from functools import cache

import numpy as np
import pytest
from tests import field
from tests.libraries.libraries import every_library
from tests.libraries.reference import C, expected, rows

import gramax
from gramax import ClassMoments, Options
from gramax.metrics.registry import METRICS


@cache  # one function, one program
def reported(normalize, options=None):
    return lambda z, y: gramax.report(ClassMoments.of(z, y, C, normalize=normalize), options)


@every_library
@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
@pytest.mark.parametrize("few", [True, False], ids=["few classes", "many classes"])
def test_every_metric_of_moments(library, normalize, few):
    z, y = rows(few)
    found = library.run(reported(normalize), z, y)
    right = expected(library.rounded(z), y, normalize)
    assert set(found) == set(right) == {metric.name for metric in METRICS}
    for name, value in found.items():
        library.close(value, right[name], name)


MACRO = ("nc1_pinv", "nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean")


@pytest.mark.parametrize("few", [True, False], ids=["few classes", "many classes"])
def test_options(few):
    """Classes weighed alike, deviations of a sample, and no centring."""
    z, y = rows(few)
    means, _, between, _, _ = field.stats(z, y, macro=True)
    within, lengths = field.variances(z, y).mean(), np.linalg.norm(means, axis=1)
    macro = reported(False, Options(weighting="macro"))(z, y)
    right = {name: getattr(field, name)(z, y, macro=True) for name in MACRO}
    right["nc1_quotient"] = within / np.trace(between)
    right["scatter_ratio"] = within / (within + np.trace(between))
    for name, value in right.items():
        np.testing.assert_allclose(macro[name], value, rtol=1e-9, err_msg=name)
    plain = reported(False, Options(deviation="sample", center="none"))(z, y)
    unit, k, g = field.unit(means), len(means), means @ means.T
    right = {"nc2_equinorm": lengths.std(ddof=1) / lengths.mean()}
    right["nc2_equiangular"] = np.mean(np.abs(field.off_pairs(unit @ unit.T) + 1 / (k - 1)))
    etf = (np.eye(k) - 1 / k) / np.sqrt(k - 1)
    right["nc2_etf_error"] = np.linalg.norm(g / np.linalg.norm(g) - etf)
    for name in ("participation_ratio", "nesum", "alpha_req"):
        right[name] = getattr(field, name)(z, centred=False)
    for name, value in right.items():
        np.testing.assert_allclose(plain[name], value, rtol=1e-9, err_msg=name)


def test_a_metric_names_every_option_that_changes_it():
    z, y = rows()
    changed = Options(weighting="macro", deviation="sample", center="none")
    before, after = reported(False)(z, y), reported(False, changed)(z, y)
    for name in before.keys() - {"mean_cosine"}:
        same = np.isclose(before[name], after[name], rtol=1e-7)
        assert same == (set(METRICS[name].options) <= {"normalize"}), name


def test_close_means_tight_classes_and_far_rows_keep_their_digits():
    z, y = rows()
    z = z - np.stack([z[y == k].mean(axis=0) for k in y])
    means = np.random.default_rng(1).normal(size=(C, z.shape[1]))
    for shrink, offset, rtol in ((1e-9, 0, 1e-6), (1e-4, 0, 1e-8), (1.0, 1e4, 1e-7)):
        x = means[y] + shrink * z + offset
        found, right = reported(False)(x, y), expected(x, y, False)
        for name in ("nc1_pinv", "nc1_quotient", "cdnv", "nc2_etf_error", "nc2_equinorm"):
            np.testing.assert_allclose(found[name], right[name], rtol=rtol, err_msg=name)
    means[1] = means[0] + 1e-9  # far more than the rounding below which they are one
    x = means[y] + 1e-9 * z
    for name in ("cdnv", "gnc2_log_mean", "gnc2_log_variance"):
        found = reported(False)(x, y)[name]
        np.testing.assert_allclose(found, getattr(field, name)(x, y), rtol=1e-6, err_msg=name)


def test_rounding_takes_no_number_out_of_its_range():
    rng = np.random.default_rng(12)
    for _ in range(30):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        for z, y in (
            (turn, np.arange(3)),
            (np.concatenate([turn, turn]), np.arange(6)),
            (np.concatenate([turn, -turn]), np.arange(6) % 3),
            (np.linspace(-1, 2, 7)[:, None] * turn[0], np.arange(7) % 3),
        ):
            for name, value in reported(True)(z, y).items():
                low, high = METRICS[name].bounds(True)
                assert np.isnan(value) or low <= value <= high, name
