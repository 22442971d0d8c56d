"""Arrays of dask: they are computed, and give what NumPy's give."""

from __future__ import annotations

import numpy as np
import pytest
from tests.inputs.values import Y, Z, check

import gramax

dask = pytest.importorskip("dask.array")
pytestmark = pytest.mark.nightly


def test_numbers_are_those_of_the_computed_array():
    labels = np.arange(60) % 3
    z, y = dask.from_array(Z, chunks=(17, 3)), dask.from_array(labels, chunks=20)
    found = gramax.latent_geometry_report(z, y, 3)
    assert found == gramax.latent_geometry_report(Z, labels, 3)
    assert gramax.effective_rank(z) == gramax.effective_rank(Z)
    moments = gramax.ClassMoments.of(z, y, 3)
    assert np.array_equal(moments.scatter, gramax.ClassMoments.of(Z, labels, 3).scatter)
    check(gramax.audit(z, dask.from_array(Y, chunks=20)), "array")
