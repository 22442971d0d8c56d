"""Failures of linear algebra are failures: right numbers of every shape, or NaN with a reason."""

import json
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from tests import field

from gramax import ClassMoments, metrics
from gramax.arrays import linalg
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import FAILED, METRICS

ROWS = (2, 3, 5, 16, 17, 48, 63, 64, 65, 100, 128, 200, 255, 256, 399, 400)
WIDE = (896, 1536, 2048, 4096)
QUICK = [(n, 64) for n in ROWS] + [(2, 2048), (48, 2048), (100, 896), (64, 1536), (17, 4096)]
SLOW = [(n, d) for d in WIDE for n in ROWS if (n, d) not in QUICK]
SHAPES = QUICK + [pytest.param(*shape, marks=pytest.mark.slow) for shape in SLOW]
NAMES = ("rankme", "stable_rank", "nesum")


def noise(n, d, dtype=np.float32):
    return np.random.default_rng([n, d]).normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_ranks_of_noise(n, d, dtype):
    z = noise(n, d, dtype)
    for name in NAMES:
        found = getattr(metrics, name)(z)
        np.testing.assert_allclose(found, getattr(field, name)(z), rtol=1e-9, err_msg=name)


JAX_SHAPES = [(2, 64), (48, 64), (200, 64)] + [
    pytest.param(n, d, marks=pytest.mark.slow) for n, d in [(400, 64), (48, 896), (48, 2048)]
]


@pytest.mark.parametrize(("n", "d"), JAX_SHAPES)
def test_ranks_of_noise_in_jax(n, d):
    z = noise(n, d)
    for name in NAMES:
        found = getattr(metrics, name)(jnp.asarray(z))
        np.testing.assert_allclose(found, getattr(field, name)(z), rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("n", "d"), [(17, 64), (48, 896), (48, 2048), (100, 1536), (64, 4096)])
@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_axes_of_noise_in_float32(n, d, convert):
    """LAPACK's divide and conquer has failed on such shapes, by how many threads ran."""
    z = noise(n, d)
    values, axes = (np.asarray(a, float) for a in linalg.principal_axes(convert(z)))
    np.testing.assert_allclose(values, np.linalg.svd(z.astype(float), compute_uv=False), rtol=1e-4)
    np.testing.assert_allclose(axes @ axes.T, np.eye(n), atol=1e-4)


CODE = """
import json, sys, numpy as np
from gramax import metrics
found = {}
for n, d in json.loads(sys.argv[1]):
    z = np.random.default_rng([n, d]).normal(size=(n, d)).astype(np.float32)
    found[f"{n} {d}"] = [float(getattr(metrics, name)(z)) for name in json.loads(sys.argv[2])]
print(json.dumps(found))
"""


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_any_number_of_threads(threads):
    shapes = [(2, 64), (48, 2048), (100, 896), (255, 64)]
    run = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(shapes), json.dumps(NAMES)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for (n, d), found in zip(shapes, json.loads(run.stdout).values(), strict=True):
        right = [getattr(field, name)(noise(n, d)) for name in NAMES]
        np.testing.assert_allclose(found, right, rtol=1e-9, err_msg=f"{n} {d}")


def test_the_noise_that_was_audited_as_a_point():
    """48 rows of 2,048 numbers in float32: once 1.00008, 1.0 and 1.0."""
    z = np.random.default_rng(9).standard_normal((48, 2048)).astype(np.float32)
    found = [float(getattr(metrics, name)(z, normalize=True)) for name in NAMES]
    np.testing.assert_allclose(found, [47.86, 36.96, 36.21], atol=0.005)


def fails(*_, **__):
    raise np.linalg.LinAlgError("did not converge")


def gives_nan(a, *_, **__):
    k = min(a.shape)
    shapes = np.full((len(a), k), np.nan), np.full(k, np.nan), np.full((k, a.shape[1]), np.nan)
    return shapes if "full_matrices" in __ else shapes[1]


@pytest.mark.parametrize("broken", [fails, gives_nan])
@pytest.mark.parametrize("name", ["rankme", "effective_rank", "stable_rank", "alpha_req"])
def test_what_no_driver_can_do_is_nan_with_a_reason(monkeypatch, name, broken):
    z = noise(20, 6, float)
    evidence = Evidence(ClassMoments.of(z, None, 1, normalize=False))
    monkeypatch.setattr(np.linalg, "eigvalsh", broken)
    assert np.isfinite(METRICS[name].value(Evidence(evidence.moments)))  # by another driver
    for driver in ("eigh", "svd"):
        monkeypatch.setattr(np.linalg, driver, fails)
    assert np.isnan(METRICS[name].value(evidence))
    assert METRICS[name].reason(evidence) == FAILED


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_singular_values_when_their_driver_fails(monkeypatch, convert):
    z = noise(6, 20)
    right = np.linalg.svd(z.astype(float), compute_uv=False)
    nothing = (z[:, :6], z[0, :6] * np.nan, z * np.nan)
    broken = lambda *_, **__: tuple(map(convert, nothing))  # noqa: E731
    monkeypatch.setattr(jnp.linalg, "svd", broken)
    monkeypatch.setattr(np.linalg, "svd", fails if convert is np.asarray else broken)
    values, axes = (np.asarray(a, float) for a in linalg.principal_axes(convert(z)))
    np.testing.assert_allclose(values, right, rtol=1e-4)
    np.testing.assert_allclose(axes @ axes.T, np.eye(6), atol=1e-5)


def test_nan_is_never_turned_into_a_number():
    z = noise(6, 4)
    z[2, 1] = np.nan
    for found in (linalg.principal_axes(z), linalg.eigh(z[:4]), [linalg.eigvalsh(z[:4])]):
        assert all(np.isnan(part).all() for part in found)
    square = jnp.asarray(z[:4])
    assert np.isnan(linalg.eigvalsh(square)).all()
    assert np.isnan(linalg.singular_values(jnp.asarray(z))).all()
