"""Fixed heads: the simplex for few classes, a packing for many, turned at random."""

import jax
import numpy as np
import pytest

from gramax.frames import coherence_floor, etf_head
from gramax.frames.search import fixed_heads


@pytest.mark.parametrize(("c", "d"), [(2, 1), (4, 3), (4, 9), (10, 9)])
def test_simplex_heads(c, d):
    head = etf_head(c, d, key=1)
    gram = np.asarray(head) @ np.asarray(head).T  # on the host: a GPU's products are of TF32
    expected = np.where(np.eye(c) == 1, 1, -1 / (c - 1))
    np.testing.assert_allclose(gram, expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(head).sum(0), 0, atol=1e-6)


def test_heads_turn_with_the_key_and_scale():
    one, same, other = (etf_head(4, 6, key=k) for k in (1, 1, jax.random.key(2)))
    np.testing.assert_array_equal(one, same)
    assert np.abs(np.asarray(one - other)).max() > 0.1
    assert np.all(np.abs(np.asarray(one)) > 0)  # no axis is special
    np.testing.assert_allclose(etf_head(4, 6, key=1, scale=5.0), 5 * np.asarray(one), rtol=1e-5)


def test_more_classes_than_a_simplex_holds():
    head = np.asarray(etf_head(12, 3), dtype=np.float64)
    cosines = head @ head.T - 3 * np.eye(12)
    assert cosines.max() == pytest.approx(coherence_floor(12, 3, signed=True).value, abs=1e-6)


def test_heads_without_a_formula_depend_on_the_key_alone(monkeypatch):
    monkeypatch.setattr(fixed_heads, "FEW_CODES_ROUNDS", 1)
    one, same = (np.asarray(etf_head(8, 3, key=2)) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    cosines = one @ one.T - 3 * np.eye(8)
    assert cosines.max() == pytest.approx((2 * 2**0.5 - 1) / 7, abs=1e-6)  # square antiprism
    timed = np.asarray(etf_head(8, 3, key=2, seconds=0.01))
    assert (timed @ timed.T - 3 * np.eye(8)).max() < 0.3


def test_bad_shapes():
    with pytest.raises(ValueError, match="c=0"):
        etf_head(0, 3)
