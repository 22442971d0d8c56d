"""Tests of the numeric core in float64: small data, asserted to the last digits.

In mutation runs (see tests/mutation) JAX_DISABLE_JIT makes them the same arithmetic operation by
operation, so that a mutant has nothing to compile.
"""

import jax
import numpy as np
import pytest
from tests.core import codebook, labelled

from gramax.arrays import pairs


@pytest.fixture(autouse=True)
def _wide():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["many classes", "few classes"])
def data(rng, request):
    """Five classes in four dimensions, or three; class 3 of six is absent, sizes differ."""
    y = np.array([0] * 8 + [1] * 6 + [5] * 4 + [2] * 3 + [4] * 3)
    if request.param == "few classes":
        y = np.where((y == 4) | (y == 2), 0, y)
    n, d = labelled.N, labelled.D
    z = rng.normal(size=(labelled.C, d))[y] + 0.5 * rng.normal(size=(n, d)) + 0.3
    return z, y


@pytest.fixture
def codes(rng):
    """Codes of many lengths, one of them absent."""
    x = rng.normal(size=(codebook.C, codebook.D)) * np.exp(rng.normal(size=(codebook.C, 1)))
    x[~codebook.THERE] = 0
    return x


@pytest.fixture(params=[pairs.TILE, 5])
def tile(request, monkeypatch):
    monkeypatch.setattr(pairs, "TILE", request.param)
