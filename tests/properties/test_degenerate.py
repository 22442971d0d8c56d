"""Degenerate input: no value, and a reason, or a value that is not the best."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.properties.defects import fault_of, planted
from tests.properties.spaces import D, N, clouds
from tests.properties.test_defects import WORSE
from tests.properties.values import EVERY, moments, numbers, reasons

from gramax import metrics
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS


def one_class():
    return replace(clouds(0), y=np.zeros(N, np.int32))


def equal_rows():
    return clouds(0).mapped(lambda x: np.full_like(x, 3.0))


def zero_rows():
    return clouds(0).mapped(np.zeros_like)


def one_row():
    return replace(clouds(0), weight=(np.arange(N) == 7).astype(float))


def no_rows():
    return replace(clouds(0), weight=np.zeros(N))


def one_dimension():
    return clouds(0, d=1)


def with_entry(value):
    space = clouds(0)
    space.z[5, 2] = space.pair[5, 2] = value
    return space


def with_nan():
    return with_entry(np.nan)


def with_infinity():
    return with_entry(np.inf)


POOR = [one_class, equal_rows, zero_rows, one_row, no_rows, one_dimension]
BROKEN = [with_nan, with_infinity]

PERFECT = {
    ("alignment", equal_rows): "positive pairs do coincide: a loss, to be read with uniformity",
    ("hubness", one_dimension): "rows on a line have no hubs",
    ("anti_hub_share", one_dimension): "rows on a line have no hubs",
}
"""Where a metric does have its best value, and why that is right."""


def ideal(metric, normalize):
    """Its value where there is nothing of the fault that it looks for."""
    return numbers(planted(fault_of(metric), 0, 0.0), normalize=normalize)[metric.name]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("make", POOR)
def test_degenerate_input_never_scores_best(make, normalize):
    """One class is degenerate where labels are asked for."""
    for name, value in numbers(make(), normalize=normalize).items():
        metric = METRICS[name]
        if metric.direction in WORSE and (metric.labels or make is not one_class):
            worse = WORSE[metric.direction] * (value - ideal(metric, normalize))
            best = not (np.isnan(value) or worse > 0.01)
            assert best == ((name, make) in PERFECT), (name, value)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("make", BROKEN)
def test_a_row_that_is_not_finite_leaves_no_value(make, normalize):
    found = numbers(make(), normalize=normalize)
    assert {name for name, value in found.items() if not np.isnan(value)} == set()


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("make", [*POOR, *BROKEN])
def test_what_has_no_value_has_a_reason_in_words(make, normalize):
    with jax.enable_x64(False):
        m = moments(make().astype(np.float32), normalize)
        found, why = numbers(make(), normalize=normalize), reasons(m)
        missing = {x.name for x in EVERY if not x.needs and np.isnan(found[x.name])}
        assert missing == set(why)
        for condition in set().union(*why.values()):
            assert CONDITIONS[condition].text(Evidence(m)).strip()


@pytest.mark.parametrize(
    "function",
    [
        *(metrics.coherence, metrics.welch_gap, metrics.babel, metrics.average_coherence),
        *(metrics.simplex_error, metrics.uniformity),
        lambda x: metrics.nc3_self_duality(x, x),
        lambda x: metrics.nc3_uniform_duality(x, x),
        lambda x: metrics.worst_pairs(x, 1)[1][0],
    ],
)
def test_a_codebook_of_no_codes_has_no_value(function):
    assert np.isnan(function(np.zeros((0, D), np.float32)))


def test_array_forms_are_undefined_where_their_metrics_are():
    assert np.isnan(metrics.welch_gap(np.array([[1.0], [-2.0], [3.0]])))
    assert np.isnan(metrics.covariance_eigs(np.ones((1, 3)))).all()
