"""Error bars of the numbers that need the rows themselves."""

import numpy as np
import pytest

from gramax.sampled import NEIGHBOURS, bars_of_rows, measure_rows, rows_without_each


def test_errors_of_a_sample_are_not_too_small(rng):
    """Of clouds, not of isotropic rows: there the first-order variation of a mean vanishes."""
    centres = 2 * rng.standard_normal((6, 8))
    found = []
    for _ in range(100):
        z = centres[rng.integers(0, 6, 200)] + rng.standard_normal((200, 8))
        bars = bars_of_rows(z.astype(np.float32), True)
        found.append({name: (bar.value, bar.error) for name, bar in bars.items()})
    for name, most in (("uniformity", 1.3), ("two_nn", 2.5), ("mle_id", 2.2), ("hubness", 3.2)):
        values, errors = np.array([one[name] for one in found]).T
        ratio = np.sqrt(np.mean(errors**2)) / np.std(values, ddof=1)
        assert 0.85 <= ratio <= most, (name, ratio)


def test_errors_of_a_sample_are_a_jackknife_over_equal_blocks(rng):
    z = rng.standard_normal((47, 4)).astype(np.float32)
    found = rows_without_each(z, False)
    assert set(found) == {*measure_rows(z, False)}
    dealt = np.random.default_rng(0).permutation(47)[:40].reshape(20, 2)
    for name, (value, left) in found.items():
        assert value == pytest.approx(measure_rows(z, False)[name][0])
        expected = [measure_rows(np.delete(z, block, axis=0), False)[name][0] for block in dealt]
        np.testing.assert_allclose(left, expected, rtol=1e-6)
    bars = bars_of_rows(z, False)
    assert (bars["two_nn"].reason, bars["uniformity"].reason) == (NEIGHBOURS, "")
    assert bars_of_rows(z[:3], True) == {}
    assert len(rows_without_each(z[:4], True)["uniformity"][1]) == 4
