"""The laws of every accumulator: however rows are split, ordered and merged, it is one sum."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.numbers import SAME
from tests.properties.spaces import C, D, N, clouds

from gramax.metrics.crosstalk import _carried as add
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.errorbars import BlockMoments

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
"""How far two ways to one sum may differ, by the dtype of the rows."""


def moments(normalize, dtype):
    return ClassMoments.empty(C, D, normalize=normalize, dtype=dtype)


def blocks(normalize, dtype):
    return BlockMoments.empty(C, D, blocks=3, scatter=True, normalize=normalize, dtype=dtype)


def updated(one, z, y, weight):
    """Blocks deal rows by number: those of weight 0 keep the numbers of the others."""
    one = replace(one, rows=0) if isinstance(one, BlockMoments) else one
    return one.update(z, y, weight)


def parts(one):
    return one.parts if isinstance(one, BlockMoments) else [one]


def canonical(m):
    """Counts, means from one origin, spreads and scatter: what does not depend on the anchors."""
    anchor = np.asarray(m.anchor, float)
    if m.normalize:
        length = np.linalg.norm(anchor, axis=1, keepdims=True)
        anchor = anchor / np.where(length > 0, length, 1)
    return m.count.sum(axis=0), anchor + m.mean, m.spread, m.scatter, m.left_out.sum(axis=0)


def assert_same(one, two, tolerance):
    """Relative to the size of the class: an offset costs no digits."""
    for a, b in zip(parts(one), parts(two), strict=True):
        (count, mean, spread, scatter, left), other = canonical(a), canonical(b)
        np.testing.assert_array_equal(count, other[0])
        np.testing.assert_array_equal(left, other[4])
        size = np.sqrt(np.max(spread) / max(np.max(count), 1))
        rounding = 4 * np.finfo(float).eps * np.max(np.abs(mean))  # of the sum in `canonical`
        np.testing.assert_allclose(mean, other[1], rtol=0, atol=tolerance * size + rounding)
        np.testing.assert_allclose(spread, other[2], rtol=tolerance)
        np.testing.assert_allclose(scatter, other[3], rtol=0, atol=tolerance * np.max(spread))


def assert_counted(whole, y, weight, bad, normalize):
    """What a row adds is its weight, or one to the reason why it is left out."""
    counted = [canonical(one) for one in parts(whole)]
    keep = np.isin(np.arange(N), bad[4:] if not normalize else bad, invert=True)
    expected = np.bincount(y[keep], weight[keep].astype(float), C)
    np.testing.assert_array_equal(sum(part[0] for part in counted), expected)
    left = sum(part[4] for part in counted)
    np.testing.assert_array_equal(left, [5, 0, 3, 4 if normalize else 0])


def poor(space, rng):
    """Rows that are left out, for every reason there is, and weights that are no whole numbers.

    The weights are eighths, whose sums are exact in float32 in any order.
    """
    z, y = space.z.copy(), space.y.copy()
    bad = rng.choice(np.arange(2 * C, N), 12, replace=False)
    z[bad[:4]], z[bad[4:6]], z[bad[6], 2], y[bad[7:]] = 0, np.nan, np.inf, -1
    return z, y, rng.integers(1, 17, N).astype(np.float32) / 8, bad


@pytest.mark.parametrize("empty_of", [moments, blocks])
@pytest.mark.parametrize("dtype", TOLERANCES)
@given(seed=st.integers(0, 2**32 - 1), offset=st.sampled_from([0.0, 1e4]), normalize=st.booleans())
def test_split_order_and_merge_do_not_matter(empty_of, dtype, seed, offset, normalize):
    rng = np.random.default_rng(seed)
    part_of = rng.integers(0, 3, N)  # any split, empty parts included
    space, empty = clouds(seed, offset=offset), empty_of(normalize, dtype)
    z, y, weight, bad = poor(space, rng)
    z = z.astype(dtype)
    weights = [np.where(part_of == k, weight, 0) for k in range(3)]
    whole = updated(empty, z, y, weight)
    assert_counted(whole, y, weight, bad, normalize)
    a, b, c = (updated(empty, z, y, weight) for weight in weights)
    streamed = updated(updated(a, z, y, weights[1]), z, y, weights[2])
    for same in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(b).merge(a), streamed):
        assert_same(same, whole, TOLERANCES[dtype])
    for same in (a.merge(empty), empty.merge(a)):
        for one, two in zip(parts(same), parts(a), strict=True):
            jax.tree.map(np.testing.assert_array_equal, one, two)


@pytest.mark.parametrize("empty_of", [moments, blocks])
def test_half_precision_is_widened_before_it_is_summed(empty_of):
    space = clouds(0)
    narrow, one = jnp.asarray(space.z, jnp.bfloat16), np.ones(N, np.float32)
    empty, wide = empty_of(True, "float32"), narrow.astype(jnp.float32)
    a, b = (parts(updated(empty, z, space.y, one)) for z in (narrow, wide))
    jax.tree.map(partial(np.testing.assert_allclose, **SAME), a, b)


@given(st.lists(st.lists(st.integers(0, 2**62), min_size=4, max_size=4), min_size=3, max_size=3))
def test_counts_of_a_histogram_add_exactly(counts):
    exact = np.array(counts, np.uint64)
    a, b, c = (np.stack([v, v >> 32]).astype(np.uint32) for v in exact)
    for total in (add(add(a, b), c), add(a, add(b, c)), add(add(c, b), a)):
        low, high = total.astype(np.uint64)
        np.testing.assert_array_equal(low + (high << np.uint64(32)), exact.sum(axis=0))
