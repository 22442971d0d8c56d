"""The nearest neighbours of every row: exact in every crowd, with copies as one point."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.arrays import cloud, nearest_host
from gramax.arrays import nearest as search
from gramax.arrays.nearest import _search, nearest, nearest_on_host
from gramax.metrics import mle_id, two_nn
from gramax.metrics.neighbours import RowEvidence
from tests import field

N = 90


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 16 rows, and chunks of few."""
    monkeypatch.setattr(nearest_host, "TILE_SIDE", 16)
    monkeypatch.setattr(nearest_host, "CHUNK_NUMBERS", 256)
    monkeypatch.setattr(cloud, "CHUNK_NUMBERS", 256)


def exact_neighbours(x, k):
    return field.neighbours(np.asarray(x, float), k)


# -- exact on the host ----------------------------------------------------------------------------


def crowds(spread, rng, others=0):
    """Five crowds of that spread, and some rows that lie alone."""
    x = rng.normal(size=(5, 4))[np.arange(N) % 5] + spread * rng.normal(size=(N, 4))
    return np.concatenate([x, 3 * rng.normal(size=(others, 4))])


CLOUDS = {
    "isotropic": lambda rng: rng.normal(size=(N, 6)),
    "one dimension": lambda rng: rng.normal(size=(N, 1)),
    "far from the origin": lambda rng: rng.normal(size=(N, 6)) + 1e4,
    "tiny": lambda rng: 1e-150 * rng.normal(size=(N, 6)),
    "huge and far from the origin": lambda rng: 1e150 * (rng.normal(size=(N, 6)) + 1e4),
    "loose crowds": lambda rng: crowds(1e-2, rng),
    "crowds below the rounding of float32": lambda rng: crowds(1e-8, rng),
    "one crowd and a few others": lambda rng: np.concatenate(
        [1 + 1e-6 * rng.normal(size=(N, 4)), rng.normal(size=(9, 4))]
    ),
    "a crowd in a crowd": lambda rng: np.concatenate(
        [
            1 + 1e-11 * rng.normal(size=(30, 4)),
            1 + 1e-5 * rng.normal(size=(40, 4)),
            rng.normal(size=(20, 4)),
        ]
    ),
    "an outlier": lambda rng: np.concatenate([rng.normal(size=(N, 4)), np.full((1, 4), 1e9)]),
    "ties everywhere": lambda rng: np.unique(rng.integers(0, 3, (N, 4)), axis=0)[::-1] * 1.0,
    "all equally far apart": lambda rng: np.eye(40),
    "classes one after the other": lambda rng: np.sort(rng.normal(size=(N, 1)), axis=0) ** 3,
}


@pytest.mark.parametrize(
    ("name", "k", "dtype"),
    [(name, k, float) for name in CLOUDS for k in (1, 7)]
    + [(name, 3, np.float32) for name in ("isotropic", "far from the origin", "loose crowds")],
)
def test_neighbours_are_exact(rng, small_tiles, name, k, dtype):
    x = CLOUDS[name](rng).astype(dtype)
    found = nearest(x, k)
    size = 2.0 ** np.round(np.log2(np.abs(x).max()))  # an exact factor
    near, order = exact_neighbours(x / size, k)
    assert found.exists.all()
    np.testing.assert_array_equal(found.where, order)
    np.testing.assert_allclose(found.distances / size, near, rtol=1e-9)


def test_neighbours_of_several_whole_tiles(rng):
    x = rng.normal(size=(2500, 3)).astype(np.float32)
    found = nearest(x, 4)
    some = rng.choice(2500, 50, replace=False)
    d2 = np.sum((x[some, None].astype(float) - x) ** 2, axis=2)
    d2[np.arange(50), some] = np.inf
    np.testing.assert_array_equal(found.where[some], np.argsort(d2, axis=1)[:, :4])


def test_a_crowd_is_settled_again_and_not_trusted_to_rounding(rng, small_tiles, monkeypatch):
    """Without the second look the neighbours in a tight crowd are those that rounding makes up."""
    x = CLOUDS["crowds below the rounding of float32"](rng)
    monkeypatch.setattr(nearest_host, "_settle", lambda *_: None)
    assert np.mean(nearest(x, 3).where == exact_neighbours(x, 3)[1]) < 0.9


def test_fewer_points_than_neighbours(rng):
    x = rng.normal(size=(3, 2))
    found = nearest(x, 4)
    np.testing.assert_allclose(found.distances[:, :2], exact_neighbours(x, 2)[0], rtol=1e-12)
    assert np.isinf(found.distances[:, 2:]).all()
    for few in (x[:1], x[:0]):
        assert nearest(few, 4).distances.shape == (len(few), 4)
        assert np.isinf(nearest(few, 4).distances).all()


def test_rows_that_are_not_finite_have_no_neighbours(rng):
    x = rng.normal(size=(20, 3))
    for bad in (np.nan, np.inf):
        x[4, 1] = bad
        assert np.isnan(nearest(x, 2).distances).all()
        with np.errstate(invalid="ignore"):
            assert np.isnan(nearest(jnp.asarray(x, jnp.float32), 2).distances).all()
            assert np.isnan(jax.jit(nearest, static_argnums=1)(jnp.asarray(x), 2).distances).all()


# -- by the library of the rows -------------------------------------------------------------------


def traced(x, k):
    """What JAX finds while it traces, anew: the side of a tile is read then."""
    return jax.jit(lambda v: _search.__wrapped__(v, k))(jnp.asarray(x, jnp.float32))


@pytest.mark.parametrize("block", [N, 32])
@pytest.mark.parametrize("name", ["far from the origin", "loose crowds"])
def test_jax_finds_the_same_while_it_traces(rng, monkeypatch, name, block):
    monkeypatch.setattr(search, "BLOCK_NUMBERS", block * N)
    x = CLOUDS[name](rng).astype(np.float32)
    found, there = traced(x, 3), nearest(x, 3)
    np.testing.assert_array_equal(found.where, there.where)
    np.testing.assert_allclose(found.distances, there.distances, rtol=1e-5)
    assert found.exists.all()


def test_jax_breaks_ties_by_row_too(rng):
    x = CLOUDS["ties everywhere"](rng)
    np.testing.assert_array_equal(traced(x, 3).where, nearest(x, 3).where)


def test_jax_outside_of_jit_searches_on_the_host(rng):
    x = rng.normal(size=(30, 3)).astype(np.float32)
    found = nearest(jnp.asarray(x), 2)
    assert isinstance(found.distances, jax.Array)
    np.testing.assert_allclose(found.distances, nearest(x, 2).distances, rtol=1e-6)


# -- copies ---------------------------------------------------------------------------------------


def last_bit(x, rng):
    """Every number moved to the next one, up or down."""
    return np.nextafter(x, np.where(rng.random(x.shape) < 0.5, -np.inf, np.inf).astype(x.dtype))


COPIES = {
    "exact": lambda x, rng: x,
    "of the other zero": lambda x, rng: np.where(x == 0, -x, x),
    "in the last bit": last_bit,
    "scaled by 3, on the sphere": lambda x, rng: 3 * x,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_one_point(rng, small_tiles, kind, dtype):
    """Half of the rows are copies of the other half; the numbers are those of one half."""
    x = rng.normal(size=(N, 4)).astype(dtype)
    x[:9, 0] = 0
    both = np.concatenate([x, COPIES[kind](x, rng)])
    order = rng.permutation(2 * N)
    sphere = "sphere" in kind
    one, twice = (RowEvidence(v, normalize=sphere) for v in (x, both[order]))
    assert (one.copies, twice.copies) == (0, N)
    lowest = np.sort(np.minimum(*(np.argsort(order).reshape(2, N))))
    np.testing.assert_array_equal(np.flatnonzero(twice.neighbours.exists), lowest)
    there = twice.neighbours.exists
    near = np.sort(one.neighbours.distances, axis=None)
    rtol = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        np.sort(twice.neighbours.distances[there], axis=None), near, rtol=rtol
    )
    assert np.isinf(twice.neighbours.distances[~there]).all()
    if not sphere:
        np.testing.assert_allclose(two_nn(both[order]), two_nn(x), rtol=rtol)
        np.testing.assert_allclose(mle_id(both[order], 5), mle_id(x, 5), rtol=rtol)
    if not sphere and dtype == np.float32:
        np.testing.assert_array_equal(traced(both[order], 2).exists, there)


def test_many_copies_of_one_row(rng, small_tiles):
    """They all lie within rounding of each other: pairs of them are not looked at one by one."""
    x = np.concatenate([np.repeat(rng.normal(size=(1, 4)), 500, axis=0), rng.normal(size=(20, 4))])
    x[:500] = last_bit(x[:500], rng)
    found = nearest(x, 3)
    np.testing.assert_array_equal(np.flatnonzero(found.exists), [0, *range(500, 520)])
    assert found.copies == 499


@pytest.mark.parametrize("seed", range(4))
def test_a_row_within_rounding_of_a_lower_one_is_no_point(small_tiles, seed):
    """Crowds about as wide as the rounding, where copies of copies are no copies of each other."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 3))[np.arange(N) % 5] + 4e-7 * rng.normal(size=(N, 3))
    x = x.astype(np.float32)
    there = nearest(x, 2).exists
    length = np.linalg.norm(x.astype(float), axis=1)
    radius = 4 * np.finfo(np.float32).eps * np.maximum(length[:, None], length)
    close = np.sqrt(field.squared_distances(x)) <= radius
    assert 5 < there.sum() < N
    np.testing.assert_array_equal(there, ~np.tril(close, -1).any(axis=1))


def test_rows_further_apart_than_rounding_are_points():
    step = 40 * np.finfo(np.float32).eps
    x = np.array([[1, 0], [1 + step, 0], [2, 0], [0, 1]], np.float32)
    assert nearest(x, 1).copies == 0
    assert traced(x, 1).copies == 0
    np.testing.assert_allclose(nearest(x, 1).distances[0], step, rtol=1e-6)


# -- one pass -------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
def test_one_pass_gives_the_uniformity_of_all_rows_too(rng, small_tiles, normalize):
    x = rng.normal(size=(N, 3)).astype(np.float32) + 0.5
    x = np.concatenate([x, x[:7], 3 * x[:7]])
    evidence = RowEvidence(x, normalize)
    np.testing.assert_allclose(evidence.uniformity, field.uniformity(x), rtol=1e-6)
    assert evidence.copies == (14 if normalize else 7)
    collapsed = RowEvidence(np.repeat(x[:1], 9, axis=0), normalize)
    assert -1e-6 < collapsed.uniformity <= 0
    assert np.isnan(RowEvidence(x[:1], normalize).uniformity)
    assert np.isnan(RowEvidence(x * np.float32(np.nan), normalize).uniformity)


@pytest.mark.parametrize("normalize", [True, False])
def test_progress_rises_to_one(rng, small_tiles, normalize):
    told = []
    evidence = RowEvidence(rng.normal(size=(N, 3)), normalize, told.append)
    assert evidence.neighbours is evidence.neighbours
    assert np.isfinite(evidence.uniformity)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 10


def test_rows_on_the_sphere_are_not_rounded_again(rng):
    """Their directions are taken in float64: rows 1e-5 apart keep the digits that they have."""
    x = (np.ones((60, 4)) + 1e-5 * rng.normal(size=(60, 4))).astype(np.float32)
    found, _ = nearest_on_host(x, 3, normalize=True)
    near, order = exact_neighbours(field.unit(x.astype(float)), 3)
    there = found.exists
    assert there.sum() == 60
    np.testing.assert_array_equal(found.where, order)
    np.testing.assert_allclose(found.distances, near, rtol=1e-9)


def test_a_search_on_the_host_imports_no_jax():
    code = (
        "import sys, numpy as np; from gramax.metrics.neighbours import RowEvidence; "
        "e = RowEvidence(np.random.default_rng(0).normal(size=(2100, 3)), True); "
        "print(e.uniformity, e.copies); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
