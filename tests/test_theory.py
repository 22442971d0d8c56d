"""What docs/mathematics.md says of floors, of descent and of error bars, measured."""

import math

import numpy as np
import pytest

from gramax.audits.headline_metrics import potential_floor, simplex_floor
from gramax.uncertainty.errorbars import jackknife


def descended(codes, target=0.0, rate=0.03, steps=4000):
    """Gradient descent of |G - target|² on the spheres, of a stack of codebooks; and its values."""
    x = codes / np.linalg.norm(codes, axis=-1, keepdims=True)
    for _ in range(steps):
        slope = 4 * (x @ x.swapaxes(-1, -2) - target) @ x
        x = x - rate * (slope - np.sum(slope * x, axis=-1, keepdims=True) * x)
        x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return x, np.sum((x @ x.swapaxes(-1, -2) - target) ** 2, axis=(-1, -2))


@pytest.mark.parametrize(
    ("c", "d", "least"),
    [(6, 4, None), (6, 3, None), (7, 4, None), (5, 3, 0.29732), (7, 5, 0.18443)],
)
def test_the_simplex_floor_is_attained_but_for_odd_c_of_two_more_than_d(c, d, least):
    simplex = np.eye(c) - (1 - np.eye(c)) / (c - 1)
    starts = np.random.default_rng(0).normal(size=(20, c, d))
    error = math.sqrt(descended(starts, simplex)[1].min()) / c
    assert error == pytest.approx(least or simplex_floor(c, d), abs=1e-5)
    assert error >= simplex_floor(c, d) - 1e-12


def test_where_descent_of_the_frame_potential_ends():
    rng = np.random.default_rng(1)
    few, potential = descended(rng.normal(size=(6, 4, 5)))
    assert potential == pytest.approx(4)
    assert few @ few.swapaxes(1, 2) == pytest.approx(np.stack(6 * [np.eye(4)]))
    assert potential_floor(4, 5) == pytest.approx(16 / 3)  # of a simplex, which is more
    assert descended(rng.normal(size=(6, 7, 3)))[1] == pytest.approx(49 / 3)
    assert descended(np.eye(2)[[0, 0, 0, 1]])[1] == 10  # a saddle; a tight frame has 8


def test_the_error_of_a_sum_of_rows_is_too_small():
    """By (g-1)/g, for blocks of one size: its variance grows with the rows."""
    rows = np.random.default_rng(2).normal(size=(1000, 20, 5)).sum(axis=2)  # 20 blocks of 5 rows
    sums = rows.sum(axis=1)
    line = (-math.inf, math.inf)
    bars = [jackknife(s, s - x, line, 0.95).error for s, x in zip(sums, rows, strict=True)]
    assert np.sqrt(np.mean(np.square(bars))) == pytest.approx(19 / 20 * 10, rel=0.02)
