"""Every registered metric of a space, by the registry alone: no metric is named here."""

import inspect
from functools import partial

import jax
import numpy as np
from tests.properties.spaces import C

import gramax.metrics
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS
from gramax.metrics.report import report
from gramax.moments.class_moments import ClassMoments

EVERY = METRICS.everything()


def numbers(space, *, normalize=False, x64=False):
    """Every metric of the space by name, as Python floats.

    Those that need more than moments hold take rows as they are: on the sphere they are left out.
    """
    with jax.enable_x64(x64):
        space = space.astype(np.float64 if x64 else np.float32)
        found = of_moments(moments(space, normalize))
        return found if normalize else found | of_rows(space)


def moments(space, normalize=False):
    return _moments(space.z, space.y, space.weight, normalize)


@partial(jax.jit, static_argnums=3)
def _moments(z, y, weight, normalize):
    return ClassMoments.of(z, y, C, weight, normalize=normalize)


def of_moments(m):
    return {name: float(value) for name, value in jax.device_get(report(m)).items()}


@jax.jit
def conditions(m):
    """Which states of the data hold in which some metric is undefined, by name."""
    evidence = Evidence(m)
    return {name: condition.holds(evidence) for name, condition in CONDITIONS.items()}


def reasons(m):
    """The metrics of moments that are undefined, each with the states that make it so."""
    held = {name for name, holds in jax.device_get(conditions(m)).items() if holds}
    found = {metric.name: held & {"not_finite", *metric.undefined} for metric in METRICS}
    return {name: why for name, why in found.items() if why}


def of_rows(space):
    """The metrics that need more than moments hold, from their public functions."""
    given = {metric.name: arguments(metric, space) for metric in EVERY if metric.needs}
    return {name: float(value) for name, value in jax.device_get(_of_rows(given)).items()}


@jax.jit
def _of_rows(given):
    return {name: called(METRICS[name], args) for name, args in given.items()}


def function_of(metric):
    """Its public function."""
    return getattr(gramax.metrics, metric.function)


def arguments(metric, space):
    """The arrays that its public function asks for, by the names of the parameters."""
    there = space.weight > 0
    y = (space.pair if "pairs" in metric.needs else space.y)[there]
    held = {"x": space.z[there], "z": space.z[there], "y": y}
    held |= {"means": space.means.astype(space.z.dtype), "W": space.W, "b": space.b}
    held |= {"outlier_mean": space.outlier}
    asked = inspect.signature(function_of(metric)).parameters.values()
    return {p.name: held[p.name] for p in asked if p.default is p.empty and p.name != "c"}


def called(metric, arguments):
    """The value that its public function gives, `c` being static where it is asked for."""
    function = function_of(metric)
    c = {"c": C} if "c" in inspect.signature(function).parameters else {}
    found = function(**arguments, **c)
    return getattr(found, metric.name, found[0]) if isinstance(found, tuple) else found
