"""Sharded rows: sums alone go between devices, and the numbers are those of one device.

Devices and processes must exist before JAX starts, so the work is done by `tests.sharded` and by
the example scripts, each in processes of their own.
"""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.moments.class_moments import ClassMoments
from tests.sharded import C, D, N

ROOT = Path(__file__).parents[1]
WAYS = ("automatic", "explicit", "shard_map", "wide blocks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sharded")


def run(folder, *command):
    """What a Python process prints; programs compiled once serve all of them."""
    env = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "--xla_backend_optimization_level=0"),
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR", str(folder)),
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def seen(folder):
    return json.loads(run(folder, "-m", "tests.sharded", str(folder)))


@pytest.mark.parametrize("program", [*WAYS, "report"])
def test_devices_exchange_sums_and_no_rows(seen, program):
    found = seen["programs"][program]
    assert found["names"] == ["all-reduce"]
    # Anchors and sums of c·d, the scatter, a few numbers a class.
    assert found["numbers"] <= 2 * C * D + 2 * D + D * D + 8 * C < N


def test_a_program_that_moves_rows_would_be_seen(seen):
    assert set(seen["programs"]["control"]["names"]) - {"all-reduce"}


def test_report_over_a_named_axis_makes_sums_alone(seen):
    assert seen["mapped report"] == ["pmin", "psum"]


@pytest.mark.parametrize(
    ("rows", "way"),
    [*itertools.product(["plain", "far", "collapsed"], WAYS), ("plain", "vmap")],
)
def test_eight_devices_give_the_moments_of_one(seen, rows, way):
    pairs = zip(seen["numbers"][rows][way], seen["numbers"][rows]["one device"], strict=True)
    for got, expected in pairs:
        atol = 1e-6 * np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_give_the_numbers_of_one(seen, folder, processes):
    out = folder / f"{processes}.json"
    run(folder, "examples/sharded_processes.py", f"{folder}/z.npy", f"{folder}/y.npy", str(C),
        "--processes", str(processes), "--chunk", "1024", "--out", str(out))  # fmt: skip
    got = json.loads(out.read_text())
    assert got.pop("rows") == N - 20  # labelled rows: those of weight 0 do not exist
    assert set(got) == set(seen["report"])
    for name, expected in seen["report"].items():
        np.testing.assert_allclose(got[name], expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_training_script_shows_classes_that_tighten(folder):
    text = run(
        folder, "examples/sharded_training.py", "--cpus", "4", "--steps", "25", "--every", "25"
    )
    table = [line.split() for line in text.splitlines() if line.lstrip()[:1].isdigit()]
    assert [row[0] for row in table] == ["0", "25"]
    assert float(table[1][1]) < 0.7 * float(table[0][1])
    assert "10240 rows over 4 devices" in text


def test_many_updates_trace_once_and_wait_for_nothing():
    traces = []

    @jax.jit
    def log(moments, z, y):
        traces.append(z.shape)
        return moments.update(z, y)

    z, y = jnp.ones((16, 5)), jnp.arange(16) % 4
    moments = log(ClassMoments.empty(4, 5), z, y)
    with jax.transfer_guard("disallow"):  # nothing goes to the host or comes from it
        for _ in range(99):
            moments = log(moments, z, y)
    assert len(traces) == 1
    np.testing.assert_array_equal(moments.counts, 400)
