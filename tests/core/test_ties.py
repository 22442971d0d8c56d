"""Pairs that rounding does not tell apart, by index."""

import jax.numpy as jnp
import numpy as np

from gramax.arrays import ties

EPS = np.finfo(float).eps


def found(*pairs):
    sizes, where = zip(*pairs, strict=True)
    return ties.Found(jnp.asarray(sizes, float), jnp.asarray(where, jnp.int32))


def shown(one):
    sizes, where = np.asarray(one.size).tolist(), np.asarray(one.where).tolist()
    return [(size, tuple(pair)) for size, pair in zip(sizes, where, strict=True)]


def test_the_largest_of_all_and_equal_ones_by_index():
    a = found((0.5, (1, 2)), (0.9, (4, 5)), (np.nan, (0, 9)))
    b = found((0.5, (0, 3)), (0.5, (0, 2)), (0.1, (6, 7)))
    assert shown(ties.largest(4, a, b)) == [
        (0.9, (4, 5)),
        (0.5, (0, 2)),
        (0.5, (0, 3)),
        (0.5, (1, 2)),
    ]
    assert np.isnan(ties.largest(6, a, b).size[-1])


def test_four_epsilons_are_a_tie_and_five_are_not():
    level = jnp.asarray(0.5)
    near = found((0.5 + 3.9 * EPS, (2, 3)), (0.5 - 3.9 * EPS, (1, 3)), (0.5 - 4.5 * EPS, (0, 1)))
    assert [pair for _, pair in shown(ties.first(3, level, near))] == [(1, 3), (2, 3), (-1, -1)]


def test_the_first_by_index_each_once():
    a = found((0.5, (3, 4)), (0.5, (1, 2)), (0.5, (0, 4)), (0.9, (0, 1)))
    b = found((0.5, (1, 2)), (0.5, (0, 3)), (-1.0, (-1, -1)))
    level = jnp.asarray(0.5)
    expected = [(0, 3), (0, 4), (1, 2), (3, 4)]
    assert [pair for _, pair in shown(ties.first(4, level, a, b))] == expected
    assert [pair for _, pair in shown(ties.first(2, level, a, b))] == expected[:2]
    assert shown(ties.first(5, level, a, b))[-1] == (-1, (-1, -1))
    assert shown(ties.first(1, jnp.asarray(-1.0), b)) == [(-1, (-1, -1))]
    assert shown(ties.none(2, jnp.float32)) == 2 * [(-1, (-1, -1))]


def test_those_above_the_last_stay_and_the_rest_are_the_first_by_index():
    best = found((0.9, (5, 6)), (0.7, (2, 3)), (0.5 + EPS, (4, 5)), (0.5, (3, 9)))
    tied = found((0.5, (0, 8)), (0.5, (1, 2)), (0.5, (3, 9)), (0.5, (4, 5)))
    assert ties.settled(best, tied).tolist() == [[5, 6], [2, 3], [0, 8], [1, 2]]
    all_tied = found((0.5, (7, 8)), (0.5, (6, 8)))
    first = found((0.5, (0, 1)), (0.5, (0, 2)))
    assert ties.settled(all_tied, first).tolist() == [[0, 1], [0, 2]]


def test_groups_of_ties_are_told_from_their_largest():
    """3 epsilons apart each: the third does not tie with the first."""
    size = jnp.asarray([0.5, 0.5 + 3 * EPS, 0.5 + 6 * EPS, 0.9, 0.9])
    where = jnp.asarray([[0, 1], [4, 5], [2, 3], [1, 9], [1, 8]], jnp.int32)
    assert ties.in_order(size, where).tolist() == [4, 3, 2, 1, 0]
    some = where.at[3].set(-1)
    assert ties.in_order(size, some).tolist() == [4, 2, 1, 0, 3]
