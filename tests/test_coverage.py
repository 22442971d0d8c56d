"""The command that measures coverage: its arithmetic, and its laws."""

import numpy as np
import pytest
from benchmarks import coverage


def test_shares_that_cover():
    draws = [{"a": (0.0, -1.0, 1.0)}, {"a": (4.0, 3.0, 5.0)}, {"a": (2.0, 1.0, 3.0)}]
    assert coverage.covered(draws) == {"a": pytest.approx(1 / 3)}  # their mean is 2
    assert coverage.covered(draws, {"a": 0.5}) == {"a": pytest.approx(1 / 3)}
    probes = [{"probe": (0.5, 0.4, 0.6)}, {"probe": (0.7, 0.4, 0.6)}]
    every = {name: one["probe"] for name in coverage.PROBES for one in probes[:1]}
    assert set(coverage.covered_each([every])) == set(coverage.PROBES)


@pytest.mark.parametrize("name", coverage.LAWS)
def test_laws_are_what_they_say(name):
    law = coverage.LAWS[name]
    z, y, groups = law.draw(np.random.default_rng(1), 1000)
    assert z.shape == (1000, coverage.DIM)
    assert len(np.unique(y)) == law.classes
    assert len(np.unique(groups)) == (200 if law.clusters else 1000)
    sizes = np.bincount(y)
    assert (sizes[0] > 4 * sizes[-1]) == law.zipf


def test_one_sample_and_one_comparison():
    found = coverage.one_draw(coverage.LAWS["Gaussian"], 60, 0)
    assert all(low <= value <= high for value, low, high in found["bars"].values())
    assert {"cdnv", "effective_rank", "scatter_ratio"} <= set(found["companions"])
    assert set(found["probes"]) == set(coverage.PROBES)
    assert coverage.null_comparison(coverage.LAWS["clusters"], (60, 60), True, 0)[0]
