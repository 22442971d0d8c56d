"""The array form of the metrics: functions `f(z, y, c)` and `f(z)`, made from their declarations.

What a metric declares (meaning, formula, range, source, degenerate input) is written once, and is
the text of its function too.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent, wrap
from typing import Any, Protocol, runtime_checkable

import numpy as np
from array_api_compat import is_numpy_array

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.namespace import Array, compiled
from gramax.arrays.rows import spanned
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS, Metric
from gramax.moments import ClassMoments


@runtime_checkable
class OfClasses(Protocol):
    """A metric of rows and their classes."""

    def __call__(
        self,
        z: Any,
        y: Any,
        c: int,
        *,
        normalize: bool = False,
        options: Options | None = None,
    ) -> Float[Array, ""]:
        """The metric as an array without axes, of the library of `z`."""
        ...


@runtime_checkable
class OfRows(Protocol):
    """A metric of rows alone."""

    def __call__(
        self, z: Any, *, normalize: bool = False, options: Options | None = None
    ) -> Float[Array, ""]:
        """The metric as an array without axes, of the library of `z`."""
        ...


def of_classes(metric: Metric) -> OfClasses:
    """The function of a metric that needs labels."""

    def function(
        z: Any,
        y: Any,
        c: int,
        *,
        normalize: bool = False,
        options: Options | None = None,
    ) -> Float[Array, ""]:
        return measure(metric.name, z, y, c, normalize=normalize, options=options)

    return _documented(function, metric, _Z, _Y, _C, _NORMALIZE, _options(metric))


def of_rows(metric: Metric) -> OfRows:
    """The function of a metric that needs no labels."""

    def function(
        z: Any, *, normalize: bool = False, options: Options | None = None
    ) -> Float[Array, ""]:
        return measure(metric.name, z, normalize=normalize, options=options)

    return _documented(function, metric, _Z, _NORMALIZE, _options(metric))


def measure(
    name: str,
    z: Any,
    y: Any = None,
    c: int = 1,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """The metric `name` of rows `z` with labels `y` (None: a single class).

    Args:
        name: a key of `METRICS`.
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.
    """
    moments = moments_of(z, y, c, normalize=normalize, scatter=METRICS[name].spectrum)
    return value(moments, name, options or Options())


def moments_of(
    z: Any, y: Any = None, c: int = 1, *, normalize: bool = False, scatter: bool = True
) -> ClassMoments:
    """The moments of one batch, of the fewest coordinates that hold what metrics ask for.

    Rows of NumPy's that are fewer than their dimensions are turned into the space that they span:
    no metric sees a rotation, and the scatter of 48 rows of 2,048 numbers is 48 × 48. Other
    libraries take gradients through the rows, and keep them as they are.
    """
    z = checks.rows(z)
    n, d = z.shape
    if not scatter or not is_numpy_array(z) or not 0 < n < d or not np.isfinite(z).all():
        return ClassMoments.of(z, y, c, normalize=normalize, scatter=scatter)
    y = checks.labels(np.zeros(n, np.int64) if y is None else y, n, checks.num_classes(c), z)
    return ClassMoments.empty(c, n, normalize=normalize, ambient=d).update(spanned(z), y)


@compiled("name", "options")
def value(moments: ClassMoments, name: str, options: Options) -> Float[Array, ""]:
    """The metric `name` of moments."""
    return METRICS[name].value(Evidence(moments, options))


_Z = "z: `[n, d]` embeddings."
_Y = "y: `[n]` integer labels in 0..c-1; -1 leaves a row out."
_C = "c: number of classes, a static integer; absent classes are left out."
_NORMALIZE = "normalize: take rows on the unit sphere, or as they are."


def _options(metric: Metric) -> str:
    used = [f"`{name}`" for name in metric.options if name != "normalize"]
    which = ", ".join(used) or "none matters here"
    return f"options: the choices in which published definitions differ ({which})."


def _documented(function: Callable[..., Any], metric: Metric, *arguments: str) -> Any:
    low, high = metric.interval
    meaning = metric.meaning[0].upper() + metric.meaning[1:]
    wrong = "the shapes do not match, or (eagerly) a label is outside -1..c-1."
    parts = {
        "Args": "\n".join(_paragraph(text) for text in arguments),
        "Returns": _paragraph(
            f"A scalar in [{low:g}, {high:g}]; best: {metric.best}. {metric.degenerate}."
        ),
        "Raises": f"ValueError: {wrong if metric.labels else '`z` is no matrix of real numbers.'}",
        "Source": _paragraph(metric.source + "."),
        "Example": metric.example,
    }
    sections = [f"{name}:\n{indent(text, '    ')}" for name, text in parts.items() if text]
    function.__doc__ = "\n\n".join([f"{meaning}: {metric.formula}.", *sections])
    function.__name__ = function.__qualname__ = metric.function
    function.__module__ = "gramax.metrics"
    return function


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, 90, subsequent_indent="    "))
