"""The array form of the metrics: functions of arrays, and the text that they have of metrics.

What a metric declares (meaning, formula, range, source, degenerate input) is written once, and is
the text of its function too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from textwrap import dedent, indent, wrap
from typing import Any, TypeVar

import numpy as np
from array_api_compat import is_numpy_array

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.namespace import Array, compiled
from gramax.arrays.rows import spanned
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments

F = TypeVar("F", bound=Callable[..., Any])

ARGUMENTS = {
    "z": "`[n, d]` embeddings",
    "y": "`[n]` integer labels in 0..c-1; -1 leaves a row out",
    "c": "number of classes, a static integer; absent classes are left out",
    "x": "`[c, d]` codes, of any length; zero rows are absent classes, left out",
    "means": "`[c, d]` class means as they lie; a row of zeros is an absent class, left out",
    "centre": "`[d]` global mean μ_G; None takes the mean of the class means",
    "W": "`[c, d]` weights of a linear classifier, one row a class",
    "b": "`[c]` bias, or None",
    "mesh": "of JAX; deal the tiles of all pairs over its devices, each of which holds all codes",
    "normalize": "take rows on the unit sphere, or as they are",
    "options": "the choices in which published definitions differ",
}
"""What an argument is, in every function that does not say otherwise."""


def declares(
    *, arguments: Mapping[str, str] | None = None, returns: str = "", **declared: Any
) -> Callable[[F], F]:
    """Declare the metric of a function, and complete its docstring, a summary and an example.

    Arguments, range, best value, degenerate input, errors and source are put between the two.

    Args:
        arguments: what arguments are, where that is not what `ARGUMENTS` says.
        returns: what the function gives, where that is more than the value.
        declared: the fields of `Metric`; its name is that of the function if none is given.
    """

    def decorated(function: F) -> F:
        named = {"name": function.__name__, "function": function.__name__}
        metric = METRICS.add(**named | declared)
        low, high = metric.interval
        gives = returns or f"A scalar in [{low:g}, {high:g}]; best: {metric.best}."
        summary, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
        more, _, example = rest.rpartition("Example:\n")
        names = inspect.signature(function).parameters
        said = ARGUMENTS | dict(arguments or {})
        wrong = "ValueError: the shapes do not match, or an argument is outside of its range"
        wrong += "; eagerly, also where a label is outside -1..c-1." if "c" in names else "."
        sections = {
            "Args": "\n".join(_paragraph(f"{name}: {said[name]}.") for name in names),
            "Returns": _paragraph(f"{gives} {metric.degenerate}. NaN in a row is NaN here."),
            "Raises": _paragraph(wrong),
            "Source": _paragraph(f"{metric.source}."),
            "Example": dedent(example),
        }
        texts = [f"{name}:\n{indent(text, '    ')}" for name, text in sections.items()]
        function.__doc__ = "\n\n".join(filter(None, [summary, more.strip(), *texts]))
        return function

    return decorated


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, 90, subsequent_indent="    "))


def of_classes(*, example: str, sphere: bool = False, **declared: Any) -> Callable[..., Any]:
    """Declare a metric of rows and their classes, and make its function.

    Args:
        example: its value of the rows in the example of the docstring.
        sphere: rows are taken on the unit sphere if nothing else is asked for.
        declared: the fields of `Metric`.
    """

    def function(
        z: Any,
        y: Any,
        c: int,
        *,
        normalize: bool = sphere,
        options: Options | None = None,
    ) -> Float[Array, ""]:
        return measure(declared["name"], z, y, c, normalize=normalize, options=options)

    return _made(function, f"{_CLASSES}\n{example}", declared)


def of_rows(*, example: str, sphere: bool = False, **declared: Any) -> Callable[..., Any]:
    """Declare a metric of rows alone, and make its function, as `of_classes` does."""

    def function(
        z: Any, *, normalize: bool = sphere, options: Options | None = None
    ) -> Float[Array, ""]:
        return measure(declared["name"], z, normalize=normalize, options=options)

    return _made(function, f"{_ROWS}\n{example}", declared)


_CLASSES = """\
>>> import numpy as np
>>> z = np.array([[6.0, 1], [4, -1], [-2, 4], [-2, 2], [-2, -2], [-2, -4]])
>>> print(NAME(z, np.array([0, 0, 1, 1, 2, 2]), 3).round(4))"""

_ROWS = """\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(NAME(cross).round(4))"""


def _made(function: F, example: str, declared: dict[str, Any]) -> F:
    """The function of a declaration, with its name and its text."""
    name, meaning = declared["name"], declared["meaning"]
    example = indent(example.replace("NAME", name), "    ")
    function.__doc__ = (
        f"{meaning[0].upper()}{meaning[1:]}: {declared['formula']}.\n\nExample:\n{example}"
    )
    function.__name__ = function.__qualname__ = name
    function.__module__ = "gramax.metrics"
    used = [f"`{option}`" for option in declared.get("options", ()) if option != "normalize"]
    options = f"{ARGUMENTS['options']} ({', '.join(used) or 'none matters here'})"
    return declares(arguments={"options": options}, **declared)(function)


def measure(
    name: str,
    z: Any,
    y: Any = None,
    c: int = 1,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """The metric `name` of rows `z` with labels `y` (None: a single class)."""
    moments = moments_of(z, y, c, normalize=normalize, scatter=METRICS[name].spectrum)
    return _value(moments, name, options)


@compiled("name", "options")
def _value(moments: ClassMoments, name: str, options: Options | None) -> Float[Array, ""]:
    return METRICS[name].value(Evidence(moments, options))


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
