"""Shared by all tests: a fixed hypothesis profile, and strict promotion of dtypes and ranks."""

import math
import os

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile(
    "gramax",
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("GRAMAX_EXAMPLES", "10")),
    print_blob=True,
)
hypothesis.settings.load_profile("gramax")


@pytest.fixture
def rng():
    return np.random.default_rng(20261123)


@pytest.fixture(autouse=True, scope="session")
def no_progress():
    """What a command says does not depend on how busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gramax.cli.progress.SECONDS", math.inf)
        yield
