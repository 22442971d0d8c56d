"""The laws of every accumulator: however rows are split, ordered and merged, it is one sum."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.numbers import SAME
from tests.properties.spaces import C, D, N, clouds

import gramax
from gramax.metrics.crosstalk import _carried as add
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.errorbars import BlockMoments

BLOCKS = 3
DTYPES = {"float32": 1e-5, "bfloat16": 1e-5, "float64": 1e-12}
"""What rows can be, and how far two ways to one sum may then differ."""


@dataclass(frozen=True)
class Accumulator:
    """How one starts, takes rows and merges, and the moments that it holds, one a block."""

    empty: Callable
    add: Callable
    parts: Callable


def _empty_moments(normalize, dtype):
    return ClassMoments.empty(C, D, normalize=normalize, dtype=dtype)


def _empty_blocks(normalize, dtype):
    return BlockMoments.empty(C, D, blocks=BLOCKS, scatter=True, normalize=normalize, dtype=dtype)


def _dealt(blocks, z, y, weight):
    """Rows are dealt by number: those of weight 0 keep the numbers of the others."""
    return replace(blocks, rows=0).update(z, y, weight)


def _blocks(blocks):
    return list(blocks.parts)


ACCUMULATORS = {
    "ClassMoments": Accumulator(_empty_moments, ClassMoments.update, lambda one: [one]),
    "BlockMoments": Accumulator(_empty_blocks, _dealt, _blocks),
}
WRAPPERS = {"Geometry"}
"""Merges its `ClassMoments` and holds nothing else (`gramax.training.clu`)."""


def test_every_class_that_merges_is_here():
    found = set()
    for file in Path(gramax.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
                found |= {node.name} if "merge" in methods else set()
    assert found == set(ACCUMULATORS) | WRAPPERS


def canonical(m):
    """Counts, means from one origin, spreads and scatter: what does not depend on the anchors."""
    m = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), m)
    anchor = m.anchor
    if m.normalize:
        length = np.linalg.norm(anchor, axis=1, keepdims=True)
        anchor = anchor / np.where(length > 0, length, 1)
    return m.count.sum(axis=0), anchor + m.mean, m.spread, m.scatter, m.left_out.sum(axis=0)


def assert_same(kind, one, two, tolerance):
    """Relative to the size of the class: an offset costs no digits."""
    for a, b in zip(kind.parts(one), kind.parts(two), strict=True):
        (count, mean, spread, scatter, left), other = canonical(a), canonical(b)
        np.testing.assert_array_equal(count, other[0])
        np.testing.assert_array_equal(left, other[4])
        size = np.sqrt(np.max(spread) / max(np.max(count), 1))
        rounding = 4 * np.finfo(float).eps * np.max(np.abs(mean))  # of the sum in `canonical`
        np.testing.assert_allclose(mean, other[1], rtol=0, atol=tolerance * size + rounding)
        np.testing.assert_allclose(spread, other[2], rtol=tolerance)
        np.testing.assert_allclose(scatter, other[3], rtol=0, atol=tolerance * np.max(spread))


def assert_counted(kind, whole, y, weight, bad, normalize):
    """What a row adds is its weight, or one to the reason why it is left out."""
    parts = [canonical(one) for one in kind.parts(whole)]
    keep = np.isin(np.arange(N), bad[4:] if not normalize else bad, invert=True)
    expected = np.bincount(y[keep], weight[keep].astype(float), C)
    np.testing.assert_array_equal(sum(part[0] for part in parts), expected)
    left = sum(part[4] for part in parts)
    np.testing.assert_array_equal(left, [5, 0, 3, 4 if normalize else 0])


def poor(space, rng):
    """Rows that are left out, for every reason there is, and weights that are no whole numbers.

    The weights are eighths, whose sums are exact in float32 in any order.
    """
    z, y = space.z.copy(), space.y.copy()
    bad = rng.choice(np.arange(2 * C, N), 12, replace=False)
    z[bad[:4]], z[bad[4:6]], z[bad[6], 2], y[bad[7:]] = 0, np.nan, np.inf, -1
    return z, y, rng.integers(1, 17, N).astype(np.float32) / 8, bad


@pytest.mark.parametrize("name", ACCUMULATORS)
@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=st.integers(0, 2**32 - 1), offset=st.sampled_from([0.0, 1e4]), normalize=st.booleans())
def test_split_order_and_merge_do_not_matter(name, dtype, seed, offset, normalize):
    kind, tolerance = ACCUMULATORS[name], DTYPES[dtype]
    rng = np.random.default_rng(seed)
    part_of = rng.integers(0, 3, N)  # any split, empty parts included
    with jax.enable_x64(dtype == "float64"):
        space, empty = clouds(seed, offset=offset), kind.empty(normalize, dtype)
        z, y, weight, bad = poor(space, rng)
        z = jnp.asarray(z, dtype)
        weights = [np.where(part_of == k, weight, 0) for k in range(3)]
        whole = kind.add(empty, z, y, weight)
        assert_counted(kind, whole, y, weight, bad, normalize)
        a, b, c = (kind.add(empty, z, y, weight) for weight in weights)
        streamed = kind.add(kind.add(a, z, y, weights[1]), z, y, weights[2])
        for same in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(b).merge(a), streamed):
            assert_same(kind, same, whole, tolerance)
        for same in (a.merge(empty), empty.merge(a)):
            for one, two in zip(kind.parts(same), kind.parts(a), strict=True):
                jax.tree.map(np.testing.assert_array_equal, one, two)


@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(ACCUMULATORS)))
def test_half_precision_is_widened_before_it_is_summed(seed, name):
    kind, space = ACCUMULATORS[name], clouds(seed)
    narrow, one = jnp.asarray(space.z, jnp.bfloat16), np.ones(N, np.float32)
    wide = narrow.astype(jnp.float32)
    a, b = (kind.add(kind.empty(True, "float32"), z, space.y, one) for z in (narrow, wide))
    for pair in zip(kind.parts(a), kind.parts(b), strict=True):
        jax.tree.map(partial(np.testing.assert_allclose, **SAME), *pair)


@given(st.lists(st.lists(st.integers(0, 2**62), min_size=4, max_size=4), min_size=3, max_size=3))
def test_counts_of_a_histogram_add_exactly(counts):
    exact = np.array(counts, np.uint64)
    a, b, c = (jnp.asarray(np.stack([v, v >> 32]).astype(np.uint32)) for v in exact)
    for total in (add(add(a, b), c), add(a, add(b, c)), add(add(c, b), a)):
        low, high = np.asarray(total, np.uint64)
        np.testing.assert_array_equal(low + (high << np.uint64(32)), exact.sum(axis=0))
    np.testing.assert_array_equal(add(a, jnp.zeros_like(a)), a)
