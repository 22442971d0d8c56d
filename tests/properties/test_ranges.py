"""Every value lies in the range that its metric declares, or is NaN for a reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.defects import SIMPLEX, in_space
from tests.properties.spaces import C, D, N, clouds, rotation, space
from tests.properties.values import moments, numbers, of_moments, reasons

from gramax.metrics.registry import FAILED, METRICS

ONE_LARGE = np.concatenate([np.arange(C), np.arange(C), np.full(N - 2 * C, C - 1)])
"""Labels of classes of which all but one have two rows."""


def collapsed(seed):
    return clouds(seed, spread=10.0 ** -np.random.default_rng(seed).uniform(1, 12))


def scaled(seed):
    factor = 10.0 ** np.random.default_rng(seed).uniform(-20, 20)
    return clouds(seed).mapped(lambda x: factor * x)


def far(seed):
    return clouds(seed, offset=1e4)


def imbalanced(seed):
    rng = np.random.default_rng(seed)
    return space(rng, rng.normal(size=(C, D))[ONE_LARGE] + 0.5 * rng.normal(size=(N, D)), ONE_LARGE)


def perfect(seed):
    """Every class a point, the points orthonormal or a simplex, up to rounding."""
    rng = np.random.default_rng(seed)
    codes = (np.eye(C, D), in_space(SIMPLEX))[seed % 2]
    y = np.arange(N) % C
    return space(rng, (codes @ rotation(rng))[y], y)


def on_a_line(seed):
    """All rows on one line through the origin, some of them opposite."""
    rng = np.random.default_rng(seed)
    return space(rng, rng.normal(size=(N, 1)) * rng.normal(size=D), np.arange(N) % C)


INPUTS = (clouds, collapsed, scaled, far, imbalanced, perfect, on_a_line)


@pytest.mark.parametrize("make", INPUTS)
@given(
    seed=st.integers(0, 2**32 - 1),
    normalize=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_values_lie_in_the_declared_range_or_have_a_reason(make, seed, normalize, dtype):
    space = make(seed).astype(dtype)
    for name, value in numbers(space, normalize=normalize, dtype=dtype).items():
        low, high = METRICS[name].bounds(normalize)
        assert np.isnan(value) or low <= value <= high, (name, value)
    m = moments(space, normalize)
    found, why = of_moments(m), reasons(m)
    assert {name for name in found if np.isnan(found[name])} == set(why)
    assert FAILED not in why.values()
