"""The moments of small data against their definitions, by every way that rows can come in."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from tests import field

from gramax.arrays import kernels
from gramax.metrics.evidence import Evidence
from gramax.moments.class_moments import (
    IGNORED,
    NO_DIRECTION,
    NOT_FINITE,
    OUT_OF_RANGE,
    ClassMoments,
)
from gramax.moments.update import add_rows

N, D, C = 24, 4, 5


@pytest.fixture
def data(rng):
    """Classes of several sizes, the last absent; rows of many lengths, far from the origin."""
    y = np.array([0] * 9 + [1] * 6 + [2] * 8 + [3])[rng.permutation(N)]
    z = (rng.normal(size=(N, D)) + 3 * np.eye(D)[y]) * np.exp(rng.normal(size=(N, 1)))
    return z, y, rng.choice([1.0, 0.5, 2.0, 0.0], N)


def held(m):
    """Counts, class means as they lie, spread and scatter."""
    counts, base = np.asarray(m.counts), np.array(m.anchor)
    if m.normalize:
        base[counts > 0] = field.unit(base[counts > 0])
    return counts, base + m.mean, m.spread, m.scatter


def right(z, y, w, normalize):
    x = field.unit(z) if normalize else z
    counts, means, spread, scatter = np.zeros(C), np.zeros((C, D)), np.zeros(C), np.zeros((D, D))
    for k in range(C):
        of = (y == k) & (w > 0)
        if of.any():
            counts[k] = w[of].sum()
            means[k] = np.average(x[of], axis=0, weights=w[of])
            gap = x[of] - means[k]
            spread[k] = np.sum(w[of] * np.sum(gap**2, axis=1))
            scatter += (w[of][:, None] * gap).T @ gap
    return counts, means, spread, scatter


def check(found, z, y, w, normalize):
    for name, got, want in zip(
        ("counts", "means", "spread", "scatter"),
        held(found),
        right(z, y, w, normalize),
        strict=True,
    ):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12, err_msg=name)


ONES = np.ones(N)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_batches_one_after_another(data, normalize, weighted):
    z, y, w = data
    m = ClassMoments.empty(C, D, normalize=normalize, dtype=jnp.float64)
    for rows in (slice(0, 0), slice(0, 10), slice(10, 11), slice(11, N)):
        m = m.update(z[rows], y[rows], w[rows] if weighted else None)
    check(m, z, y, w if weighted else ONES, normalize)
    assert m.num_classes == C
    assert m.dim == D
    assert m.total == (w.sum() if weighted else N)
    assert not np.any(m.left_out)


@pytest.mark.parametrize("normalize", [True, False])
def test_blocks_of_rows(data, monkeypatch, normalize):
    monkeypatch.setattr(kernels, "BLOCK", 7)
    z, y, w = data
    check(ClassMoments.of(z, y, C, w, normalize=normalize), z, y, w, normalize)


@pytest.mark.parametrize("normalize", [True, False])
def test_groups_and_shards(data, normalize):
    """Three shards side by side, with classes that begin in the second or the third."""
    z, y, w = data
    order = np.argsort(y == 2, kind="stable")
    z, y, w = z[order], y[order], w[order]
    start = ClassMoments.empty(C, D, normalize=normalize, dtype=jnp.float64)
    start = start.update(z[:3], y[:3], w[:3])
    rows = [jnp.asarray(v[3:]) for v in (z, y, w)]
    check(add_rows(start, *rows, groups=3, axis_name=None), z, y, w, normalize)
    cut = [v.reshape(3, 7, *v.shape[1:]) for v in rows]
    found = jax.vmap(
        lambda z, y, w: start.update(z, y, w, axis_name="i"), axis_name="i", out_axes=None
    )(*cut)
    check(found, z, y, w, normalize)
    for k in (0, 1, 2):  # the anchor is the first row that counts, of whatever shard
        np.testing.assert_array_equal(found.anchor[k], z[(y == k) & (w > 0)][0])


@pytest.mark.parametrize("normalize", [True, False])
def test_rows_cut_over_devices(data, normalize):
    """Over as many as there are: one in most runs, two in those of mutants."""
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    rows = [jax.device_put(v, NamedSharding(mesh, PartitionSpec("data"))) for v in data]
    start = ClassMoments.empty(C, D, normalize=normalize, dtype=jnp.float64)
    with jax.disable_jit(False):  # a minute without
        found = start.update(*rows)
    check(found, *data, normalize)


@pytest.mark.parametrize("normalize", [True, False])
def test_merging(data, normalize):
    """Of parts in which different classes are absent, and empty ones."""
    z, y, w = data
    order = np.argsort(y, kind="stable")
    z, y, w = z[order], y[order], w[order]
    parts = [
        ClassMoments.of(z[at], y[at], C, w[at], normalize=normalize)
        for at in (slice(0, 7), slice(7, 19), slice(19, N))
    ]
    empty = ClassMoments.empty(C, D, normalize=normalize, dtype=jnp.float64)
    for a, b, c in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        check(
            parts[a].merge(empty).merge(parts[b]).merge(empty.merge(parts[c])), z, y, w, normalize
        )
    for one in (parts[0].merge(empty), empty.merge(parts[0])):
        for got, want in zip(jax.tree.leaves(one), jax.tree.leaves(parts[0]), strict=True):
            np.testing.assert_array_equal(got, want)


def test_merged_counts_are_exact_in_float32():
    one = ClassMoments.of(np.ones((1, 1), np.float32), np.zeros(1, int), 1, normalize=False)
    large = jnp.array([[2.0**24], [0]], jnp.float32)
    many = replace(one, count=large, left_out=jnp.tile(large, 4))
    one = replace(one, left_out=jnp.tile(one.count, 4))
    both = many.merge(one).merge(one).merge(one)
    for found in (both.count, both.left_out):
        np.testing.assert_array_equal(np.sum(np.asarray(found, float), axis=0), 2**24 + 3)


def test_what_is_left_out_is_counted(data):
    z, y, _ = data
    z, y = z.copy(), y.copy()
    y[0], y[1], y[2], y[8] = -1, -1, C, -1
    z[3], z[4, 1] = 0, np.nan
    z[5, 0], y[6] = np.inf, -2
    w = ONES.copy()
    w[1] = w[7] = 0
    for normalize, without in ((True, range(9)), (False, [0, 1, 2, 4, 5, 6, 7, 8])):
        found = jax.vmap(lambda y, n=normalize: ClassMoments.of(z, y, C, w, normalize=n))(y[None])
        found = jax.tree.map(lambda a: a[0], found)
        keep = ~np.isin(np.arange(N), without)
        check(found, z[keep], y[keep], w[keep], normalize)
        expected = np.zeros(4)
        expected[[IGNORED, OUT_OF_RANGE, NOT_FINITE, NO_DIRECTION]] = 2, 2, 2, normalize
        np.testing.assert_array_equal(found.left_out.sum(axis=0), expected)
    with pytest.raises(ValueError, match=r"row 2: label 5 is outside 0\.\.4"):
        ClassMoments.of(z, y, C)


def test_without_scatter_or_labels(data):
    z, y, w = data
    bare = ClassMoments.of(z, y, C, w, scatter=False, normalize=False)
    assert bare.scatter is None
    assert bare.merge(bare).scatter is None
    np.testing.assert_allclose(bare.spread, right(z, y, w, False)[2])
    single = ClassMoments.of(z, None, 1, normalize=False)
    np.testing.assert_allclose(single.spread[0], N * z.var(axis=0).sum())


def test_tight_classes_far_away_keep_their_digits(rng):
    z = (1e-3 * rng.normal(size=(N, D)) + 100).astype(np.float32)
    m = ClassMoments.of(z, None, 1, normalize=False)
    np.testing.assert_allclose(m.spread[0], N * z.astype(float).var(axis=0).sum(), rtol=1e-6)
    far = z + np.float32(3)
    both = m.merge(ClassMoments.of(far, None, 1, normalize=False))
    every = np.concatenate([z, far]).astype(float)
    np.testing.assert_allclose(both.spread[0], 2 * N * every.var(axis=0).sum(), rtol=1e-6)


def test_counts_have_two_parts_and_sums_remember_their_precision(data):
    z, y, _ = data
    m = ClassMoments.of(z, y, C)
    low = replace(m, count=jnp.stack([m.count[0], jnp.arange(C) + 0.5]))
    np.testing.assert_array_equal(low.counts, np.asarray(m.counts) + np.arange(C) + 0.5)
    assert m.merge(m).summed is None
    narrow = ClassMoments.of(z.astype(np.float32), y, C)
    assert narrow.merge(narrow).summed is None
    assert narrow.widened().summed == m.merge(narrow.widened()).summed == "float32"
    assert m.widened().summed is None


def test_refusals(data):
    z, y, w = data
    m = ClassMoments.empty(C, D, dtype=jnp.float64)
    with pytest.raises(ValueError, match="rows of length 3; these moments hold length 4"):
        m.update(z[:, :3], y)
    for other in (
        ClassMoments.empty(C + 1, D),
        ClassMoments.empty(C, D + 1),
        ClassMoments.empty(C, D, normalize=False),
        ClassMoments.empty(C, D, scatter=False),
    ):
        with pytest.raises(ValueError, match="must agree"):
            m.merge(other)
    with pytest.raises(ValueError, match="row 3: weight -1"):
        m.update(z, y, np.where(np.arange(N) == 3, -1.0, w))
    assert ClassMoments.empty(C, D, dtype=jnp.bfloat16).mean.dtype == np.float32
    assert m.update(z.astype(np.float32), y).mean.dtype == np.float64
    assert (
        "24 rows on the unit sphere: 4 of 5 classes present, 4 dim" in m.update(z, y)._repr_html_()
    )


def test_evidence(data):
    z, y, _ = data
    m = ClassMoments.of(z, y, C, normalize=False)
    e = Evidence(m)
    means = np.zeros((C, D))
    means[:4] = field.stats(z, y)[0]
    np.testing.assert_allclose(e.origin_means, means, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(e.total_trace, z.var(axis=0).sum(), rtol=1e-11)
    np.testing.assert_allclose(e.covariance, np.cov(z.T), rtol=1e-10)
    np.testing.assert_allclose(e.second_moment, z.T @ z / N, rtol=1e-10)
    np.testing.assert_allclose(e.square_sum, np.sum(z**2), rtol=1e-11)
