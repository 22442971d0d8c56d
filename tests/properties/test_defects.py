"""Metrics worsen as the fault that they look for grows, and degenerate input never scores best."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.defects import FAULTS, fault_of, planted
from tests.properties.spaces import D, N, clouds
from tests.properties.values import EVERY, moments, numbers, reasons

from gramax import metrics
from gramax.metrics.registry import METRICS

WORSE = {"lower": 1, "higher": -1}
"""The sign of a change for the worse, of metrics with a better direction."""


@pytest.mark.parametrize("fault", sorted(FAULTS, key=lambda f: f.__name__))
@pytest.mark.parametrize("normalize", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_growing_fault_worsens_every_metric_that_looks_for_it(fault, normalize, seed):
    found = [numbers(planted(fault, seed, v), normalize=normalize) for v in (0.0, 0.5, 1.0)]
    for metric in EVERY:
        if fault_of(metric) is fault and metric.name in found[0] and metric.direction in WORSE:
            steps = WORSE[metric.direction] * np.diff([one[metric.name] for one in found])
            assert np.all(steps > 0), (metric.name, [one[metric.name] for one in found])


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


def with_nan(value=np.nan):
    space = clouds(0)
    space.z[5, 2] = space.pair[5, 2] = value
    return space


def with_infinity():
    return with_nan(np.inf)


POOR = [one_class, equal_rows, zero_rows, one_row, no_rows, one_dimension]
BROKEN = [with_nan, with_infinity]

PERFECT = {
    ("alignment", equal_rows): "positive pairs do coincide: a loss, to be read with uniformity",
    ("hubness", one_dimension): "rows on a line have no hubs",
    ("anti_hub_share", one_dimension): "rows on a line have no hubs",
}
"""Where a metric does have its best value, and why that is right."""


@cache
def ideal(fault, normalize):
    """The numbers of a space that has nothing of the fault."""
    return numbers(planted(fault, 0, 0.0), normalize=normalize)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("make", POOR)
def test_degenerate_input_never_scores_best(make, normalize):
    """One class is degenerate where labels are asked for."""
    for name, value in numbers(make(), normalize=normalize).items():
        metric = METRICS[name]
        if metric.direction in WORSE and (metric.labels or make is not one_class):
            worse = WORSE[metric.direction] * (value - ideal(fault_of(metric), normalize)[name])
            best = not (np.isnan(value) or worse > 0.01)
            assert best == ((name, make) in PERFECT), (name, value)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("make", [*POOR, *BROKEN])
def test_what_has_no_value_has_a_reason_in_words(make, normalize):
    """And a row that is not finite leaves no value at all."""
    found, why = numbers(make(), normalize=normalize), reasons(moments(make(), normalize))
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert {name for name in missing if not METRICS[name].needs} == set(why)
    assert all(reason.strip() for reason in why.values())
    if make in BROKEN:
        assert missing == set(found)


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
