"""The rounding floor of a spectrum, on numbers by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from gramax.arrays.resolution import STEP, resolution, settled
from gramax.metrics.spectrum import known as spectrum

SHARE = 0.01


def test_the_floor_rises_with_the_rows_up_to_those_of_one_step():
    unit = 2.0**-24
    assert resolution(unit, jnp.float64(0), 8, False) == 8 * unit
    assert resolution(unit, jnp.float64(64**2), 8, False) == 10 * unit
    assert resolution(unit, jnp.float64(64**2), 8, True) == 10 * unit
    rows = STEP / 4096  # a step of rows as long as this: 64², whatever comes after
    assert resolution(unit, jnp.float64(100 * rows), 4096, True) == 10 * unit
    assert resolution(unit, jnp.float64(100 * rows), 4096, False) == 28 * unit


def test_what_is_at_the_floor_is_rounding():
    found = settled(jnp.array([-1.0, 0.5, 1.0, 1.5, 100.0]), jnp.float64(SHARE))
    np.testing.assert_array_equal(found, [0, 0, 0, 1.5, 100])


def known(values, rank, within, within_rank, least=0.0):
    found = spectrum(
        *(jnp.asarray(values, float), jnp.float64(rank), jnp.asarray(within, float)),
        *(jnp.float64(within_rank), jnp.float64(SHARE), jnp.float64(least)),
    )
    return np.asarray(found.values), np.asarray(found.most), int(found.hidden)


def test_all_is_known_where_all_of_the_scatter_is_above_its_floor():
    values, most, hidden = known([1, 2, 10], 3, [1.5, 4, 100], 3)
    np.testing.assert_array_equal(values, [1, 2, 10])
    np.testing.assert_array_equal(most, values)
    assert hidden == 0


def test_what_must_be_0_is_not_hidden():
    """One eigenvalue of Σ_W is below the floor, and no more than two can differ from 0."""
    assert known([0, 2, 10], 2, [0.5, 4, 100], 2)[2] == 0
    assert known([0, 2, 10], 2, [0.5, 4, 100], 3)[2] == 0
    assert known([0, 2, 10], 3, [0.5, 4, 100], 3)[2] == 1


def test_hidden_values_share_what_the_trace_leaves():
    """0.3 and 0.2 are found below the floor, 1; the trace is known to 0.01 of 104.5."""
    values, most, hidden = known([0, 0, 2, 10], 4, [0.2, 0.3, 4, 100], 4)
    assert hidden == 2
    np.testing.assert_array_equal(values, [0, 0, 2, 10])
    each = np.sqrt((0.5 + SHARE * 104.5) / 2)
    np.testing.assert_allclose(most, [each, each, 2, 10], rtol=1e-12)


def test_what_is_at_the_floor_belongs_to_what_is_found():
    most = known([0, 0, 0, 0, 2, 10], 6, [0, 0, 0, 1, 4, 100], 6)[1]
    np.testing.assert_allclose(most[0], np.sqrt((1 + SHARE * 105) / 4), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_floor_goes_with_the_scale(scale):
    values, within = np.array([0, 0, 2, 10.0]), np.array([0.2, 0.3, 4, 100])
    _, most, hidden = known(scale * values, 4, scale**2 * within, 4)
    assert hidden == 2
    np.testing.assert_allclose(most, scale * known(values, 4, within, 4)[1], rtol=1e-9)


def test_no_hidden_value_is_larger_than_the_floor():
    """0.9 found and 0.01 of 104.9 make more than the floor for one."""
    most, hidden = known([0, 2, 10], 3, [0.9, 4, 100], 3)[1:]
    assert hidden == 1
    np.testing.assert_allclose(most, [1, 2, 10], rtol=1e-12)


def test_a_value_of_the_means_alone_is_hidden_up_to_the_floor():
    """0.6 is seen, though Σ_W hides up to 1 along some axis; 1, the root of the floor, too."""
    values, most, hidden = known([0.6, 1, 10], 3, [0, 0.9, 100], 3)
    assert hidden == 2
    np.testing.assert_array_equal(values, [0.6, 1, 10])
    each = np.sqrt((0.9 + SHARE * 100.9) / 2)
    np.testing.assert_allclose(most, [0.6 + each, 1 + each, 10], rtol=1e-12)


def test_where_sigma_w_is_known_the_least_value_alone_bounds_what_is_not():
    values, most, hidden = known([0, 2, 10], 3, [0.5, 4, 100], 2, least=0.25)
    assert hidden == 1
    np.testing.assert_array_equal(values, [0, 2, 10])
    np.testing.assert_array_equal(most, [0.25, 2, 10])


@pytest.mark.parametrize(("first", "expected"), [(0.0, 0.25), (0.1, 0.1)])
def test_what_is_not_told_beside_larger_values_may_be_as_large_as_they_leave_it(first, expected):
    most = known([first, 2, 10], 3, [0, 4, 100], 3, least=0.25)[1]
    np.testing.assert_allclose(most[0], expected + 1, rtol=1e-12)


def test_negative_eigenvalues_are_rounding_and_add_nothing():
    """-0.5 is found; what is left is known to 0.01 of 104: more than the floor, 1."""
    assert known([0, 2, 10], 3, [-0.5, 4, 100], 3)[1][0] == 1
    assert known([0, 0], 2, [-2.0, -1.0], 2)[1].tolist() == [0, 0]
