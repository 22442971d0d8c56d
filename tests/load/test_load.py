"""Long streams and many small updates: flat memory, one compilation, no word with the host."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import jax
import numpy as np
import pytest
from benchmarks import soak, updates


def test_small_updates_compile_once_and_send_nothing():
    """How many a second is for the benchmark to say: here is what makes them fast."""
    found = updates.small_updates(100)
    assert {how: traced for how, (_, traced) in found.items()} == {"one by one": 1, "loop": 1}


def test_an_update_that_sends_its_rows_is_refused():
    """The benchmark's own guard: rows from NumPy would go to the device with every call."""
    n, d, _ = updates.SMALL
    with pytest.raises(jax.errors.JaxRuntimeError, match="Disallowed host-to-device"):
        updates.small_updates(2, np.zeros((updates.BATCHES, n, d), np.float32))


def test_the_soak_streams_every_row_and_notes_memory(tmp_path):
    notes = soak.soak(times=4, rows=1000, dim=8, classes=3, folder=tmp_path)
    assert notes[-1][0] == 4000
    assert all(memory > 1 for _, _, memory in notes)


@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    """20 million rows of 64 numbers, 5 GB: the second half takes less than one chunk more.

    In a process of its own: what the tests before left behind is given back at any time.
    """
    stream = partial(soak.soak, times=80, rows=1 << 18, dim=64, classes=10, folder=tmp_path)
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        notes = alone.submit(stream).result()
    memory = [mib for _, _, mib in notes]
    half = len(memory) // 2
    assert max(memory[half:]) - max(memory[: half + 1]) < 16
