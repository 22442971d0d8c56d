"""Tests of the numeric core in float64: small data, asserted to the last digits.

In mutation runs (see tests/mutation) JAX_DISABLE_JIT makes them the same arithmetic operation by
operation, so that a mutant has nothing to compile.
"""

import jax
import pytest


@pytest.fixture(autouse=True)
def _wide():
    with jax.enable_x64(True):
        yield
