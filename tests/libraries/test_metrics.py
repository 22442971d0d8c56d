"""Every metric of the registry on every array library, held to formulas in float64."""

import numpy as np
import pytest
from tests.libraries.libraries import every_library
from tests.libraries.reference import C, expected, rows

import gramax
from gramax import ClassMoments
from gramax.metrics.registry import METRICS


def close(found, right, library, name=""):
    """To the tolerance of the library, relative to the size of the number (1 at least)."""
    size = np.maximum(1, np.max(np.abs(right), initial=0))
    np.testing.assert_allclose(
        found, right, rtol=library.tolerance, atol=library.tolerance * size * 0.1, err_msg=name
    )


def reported(normalize, options=None):
    return lambda z, y: gramax.report(ClassMoments.of(z, y, C, normalize=normalize), options)


@every_library
@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
@pytest.mark.parametrize("few", [True, False], ids=["few classes", "many classes"])
def test_every_metric_of_moments(library, normalize, few):
    z, y = rows(few)
    found = library.run(reported(normalize), z, y)
    right = expected(library.rounded(z), y, normalize)
    assert set(found) == set(right) == {metric.name for metric in METRICS}
    for name, value in found.items():
        close(value, right[name], library, name)
