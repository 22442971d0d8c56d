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
QUICK = [(2, 64), (17, 64), (64, 64), (65, 64), (400, 64), (2, 2048), (48, 2048), (100, 896)]
SLOW = [(n, d) for d in (64, 896, 1536, 2048, 4096) for n in ROWS if (n, d) not in QUICK]
SHAPES = QUICK + [pytest.param(*shape, marks=pytest.mark.slow) for shape in SLOW]
NAMES = ("rankme", "stable_rank", "nesum")
both_libraries = pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])


def noise(n, d, dtype=np.float32):
    return np.random.default_rng([n, d]).normal(size=(n, d)).astype(dtype)


def check_ranks(z, rtol):
    for name in NAMES:
        found = getattr(metrics, name)(z)
        np.testing.assert_allclose(found, getattr(field, name)(z), rtol=rtol, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_ranks_of_noise(n, d, dtype):
    check_ranks(noise(n, d, dtype), 1e-9)


@pytest.mark.parametrize("n", [2, 48, pytest.param(200, marks=pytest.mark.slow)])
def test_ranks_of_noise_in_jax(n):
    check_ranks(jnp.asarray(noise(n, 64)), 1e-5)


@pytest.mark.parametrize(("n", "d"), [(17, 64), (48, 896), (48, 2048), (100, 1536), (64, 4096)])
@both_libraries
def test_axes_of_noise_in_float32(n, d, convert):
    """LAPACK's divide and conquer has failed on such shapes, by how many threads ran."""
    z = noise(n, d)
    values, axes = (np.asarray(a, float) for a in linalg.principal_axes(convert(z)))
    np.testing.assert_allclose(values, np.linalg.svd(z.astype(float), compute_uv=False), rtol=1e-4)
    np.testing.assert_allclose(axes @ axes.T, np.eye(n), atol=1e-4)


CODE = """
import json, sys, numpy as np
from gramax import metrics
z = np.random.default_rng([48, 2048]).normal(size=(48, 2048)).astype(np.float32)
print(json.dumps([float(getattr(metrics, name)(z)) for name in json.loads(sys.argv[1])]))
"""


@pytest.mark.parametrize("threads", ["1", "5"])
def test_any_number_of_threads(threads):
    run = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(NAMES)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    right = [getattr(field, name)(noise(48, 2048)) for name in NAMES]
    np.testing.assert_allclose(json.loads(run.stdout), right, rtol=1e-9)


def fails(*_, **__):
    raise np.linalg.LinAlgError("did not converge")


@pytest.mark.parametrize("broken", [fails, lambda a: a[0] * np.nan], ids=["fails", "gives NaN"])
@pytest.mark.parametrize("name", ["rankme", "effective_rank", "stable_rank", "alpha_req"])
def test_what_no_driver_can_do_is_nan_with_a_reason(monkeypatch, name, broken):
    evidence = Evidence(ClassMoments.of(noise(20, 6, float), None, 1, normalize=False))
    monkeypatch.setattr(np.linalg, "eigvalsh", broken)
    assert np.isfinite(METRICS[name].value(Evidence(evidence.moments)))  # by another driver
    for driver in ("eigh", "svd"):
        monkeypatch.setattr(np.linalg, driver, fails)
    assert np.isnan(METRICS[name].value(evidence))
    assert METRICS[name].reason(evidence) == FAILED


@both_libraries
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


@both_libraries
def test_nan_is_never_turned_into_a_number(convert):
    z = noise(6, 4)
    z[2, 1] = np.nan
    assert np.isnan(linalg.eigvalsh(convert(z[:4]))).all()
    assert np.isnan(linalg.eigh(convert(z[:4]))[0]).all()
    assert np.isnan(linalg.singular_values(convert(z))).all()


@pytest.mark.parametrize("bend", [0.0, 1e-7], ids=["singular", "below zero by rounding"])
def test_a_root_of_a_covariance_has_it_even_where_the_covariance_is_singular(bend):
    """Moments summed in float32 have eigenvalues some 1e-7 of the largest below zero."""
    turn = np.linalg.qr(noise(6, 6, np.float64))[0]
    matrix = turn @ np.diag([2.0, 1.0, 0.5, -bend, -bend, 0.0]) @ turn.T
    root = linalg.covariance_root(matrix)
    np.testing.assert_allclose(root.T @ root, matrix, atol=1e-11 + 2 * bend)
    assert np.isnan(linalg.covariance_root(matrix * np.nan)).all()
