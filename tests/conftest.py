"""Shared by all tests: a fixed hypothesis profile, and strict promotion of dtypes and ranks."""

import gc
import math
import os
from pathlib import Path

import hypothesis
import jax
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


@pytest.fixture
def read_here(monkeypatch):
    """Files are read in this process; `test_child` tells what a process of their own is for."""
    from gramax.streaming import collection  # late: `make types` watches gramax as it is imported

    monkeypatch.setattr("gramax.streaming.child.collect_in_child", collection.collect_here)
    monkeypatch.setattr("gramax.streaming.child.matrices_from_child", collection.matrices_here)


@pytest.fixture(autouse=True, scope="session")
def no_progress():
    """What a command says does not depend on how busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gramax.cli.progress.SECONDS", math.inf)
        yield


@pytest.fixture(autouse=True, scope="module")
def room_for_programs():
    """XLA maps memory for every program; Linux ends a process that has more than 65,530 maps."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 20_000:
        jax.clear_caches()
        gc.collect()
