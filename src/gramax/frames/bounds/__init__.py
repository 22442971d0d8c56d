"""Lower bounds on how close unit vectors must come: formulas in float64, without JAX or SciPy.

`lines` bounds the largest |<x, y>| (crosstalk), `points` the largest <x, y> (separation), and
`linear_programming` holds Levenshtein's, which serve both.
"""

from gramax.frames.bounds.linear_programming import levenshtein, levenshtein_second
from gramax.frames.bounds.lines import (
    bukh_cox,
    orthoplex,
    plane,
    volume,
    welch,
    welch_best,
    welch_order,
)

__all__ = [
    "bukh_cox",
    "levenshtein",
    "levenshtein_second",
    "orthoplex",
    "plane",
    "volume",
    "welch",
    "welch_best",
    "welch_order",
]
