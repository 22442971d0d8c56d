"""Every registered metric of a space, by the registry alone: no metric is named here.

All is NumPy's, in the precision asked for: `tests/libraries` hold the other libraries to it.
"""

import inspect

import numpy as np
from tests.properties.spaces import C

import gramax.metrics
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.metrics.report import report
from gramax.moments import ClassMoments

EVERY = [one for one in METRICS.everything() if "codes" not in one.needs]
"""All but those of a codebook alone, which tests/test_dictionaries.py holds to other forms."""


def numbers(space, *, normalize=False, dtype=np.float64):
    """Every metric of the space by name, as Python floats.

    Those that need more than moments hold take rows as they are: on the sphere they are left out.
    """
    space = space.astype(dtype)
    found = of_moments(moments(space, normalize))
    return found if normalize else found | of_rows(space)


def moments(space, normalize=False):
    """Summed in the precision of the rows."""
    start = ClassMoments.empty(C, space.z.shape[1], normalize=normalize, dtype=space.z.dtype)
    return start.update(space.z, space.y, space.weight)


def of_moments(m):
    return {name: float(value) for name, value in report(m).items()}


def reasons(m):
    """The metrics of moments that are undefined, and why."""
    found = {metric.name: metric.reason(Evidence(m)) for metric in METRICS}
    return {name: why for name, why in found.items() if why}


def of_rows(space):
    """The metrics that need more than moments hold, from their public functions."""
    return {one.name: float(called(one, arguments(one, space))) for one in EVERY if one.needs}


def arguments(metric, space):
    """The arrays that its public function asks for, by the names of the parameters."""
    there = space.weight > 0
    y = (space.pair if "pairs" in metric.needs else space.y)[there]
    held = {"x": space.z[there], "z": space.z[there], "y": y}
    held |= {"means": space.means.astype(space.z.dtype), "W": space.W, "b": space.b}
    held |= {"outlier_mean": space.outlier, "c": C, "targets": 2}
    asked = inspect.signature(getattr(gramax.metrics, metric.function)).parameters.values()
    return {p.name: held[p.name] for p in asked if p.default is p.empty}


def called(metric, arguments):
    """The value that its public function gives."""
    found = getattr(gramax.metrics, metric.function)(**arguments)
    return getattr(found, metric.name, found[0]) if isinstance(found, tuple) else found
