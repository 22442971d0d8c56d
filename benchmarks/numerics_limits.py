"""Where float32 ends: the errors that docs/numerics.md documents and tests/test_numerics.py holds.

Every metric is within `BOUND` of its reference at every point of the grid, but for what is listed
in `LIMITS`. There it is NaN, with a reason, or (`wrong`) as far off as said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import gramax.metrics  # noqa: F401  (fills the registry)
from benchmarks.numerics_inputs import TROUBLES
from gramax.metrics.registry import METRICS, SQUARED

BOUND = 1e-3
"""The largest relative error within the limits."""

SPHERE, RAW, UNLABELLED, ROWS = "sphere", "raw", "no labels", "rows"
KINDS = {
    SPHERE: "Rows on the sphere, with labels: what `gramax.report` and `gramax audit` take",
    RAW: "Raw rows, with labels: `normalize=False`, `--raw`",
    UNLABELLED: "Raw rows without labels: all rows are one class",
    ROWS: "Metrics that need the rows themselves",
}

ABSOLUTE = ("uniformity",)
"""Metrics whose error is not relative: a log, whose error is the relative one of what it is of."""


@dataclass(frozen=True)
class Limit:
    """Where some metrics end, and what they give beyond.

    Attributes:
        metrics: their names.
        kind: a key of `KINDS`.
        troubles: keys of `TROUBLES`.
        words: what happens there, and why.
        wrong: the largest error beyond; 0 where only NaN is given.
    """

    metrics: tuple[str, ...]
    kind: str
    troubles: tuple[str, ...]
    words: str
    wrong: float = 0.0


SQUARES = tuple(m.name for m in METRICS if set(SQUARED) <= set(m.undefined))
"""Metrics that square lengths."""

LIMITS = (
    Limit(
        SQUARES,
        RAW,
        ("scale",),
        "NaN at scales 1e-20 and 1e20, whose squares float32 does not hold; right at 1e-10 and "
        "1e10, and on the sphere at any scale",
    ),
    Limit(SQUARES, UNLABELLED, ("scale",), "NaN at scales 1e-20 and 1e20, as with labels"),
    Limit(("nrc1",), ROWS, ("scale",), "NaN at scales 1e-20 and 1e20, as all that square lengths"),
    Limit(
        ("nc1_pinv", "nc1_svd"),
        SPHERE,
        ("c to n",),
        "NaN at offset 1e4, where all rows lie in a cap of the sphere 1e-4 wide: it is so flat "
        "that Σ_W along its radius is below rounding. Right at offset 100",
    ),
    Limit(
        ("vci",),
        SPHERE,
        ("far", "tight and far", "c to n", "1:10⁵"),
        "NaN at offset 1e4, in the same flat cap; right at offset 100",
    ),
    Limit(
        ("lidar",),
        SPHERE,
        ("tight and far", "n < d", "c to n"),
        "NaN from a ratio of 1e-6 on at offset 1e4, where along the radius the ridge is below the "
        "rounding of Σ_W",
    ),
    Limit(
        ("alpha_req",),
        SPHERE,
        ("far", "tight and far", "c to n", "1:10⁵"),
        "NaN at offset 1e4: in the same flat cap the eigenvalue along the radius is below the "
        "rounding of Σ_W",
    ),
    Limit(
        ("alpha_req",),
        SPHERE,
        ("tight", "tight and far", "n < d"),
        "NaN from a ratio of 1e-10 on (1e-6 at offset 100), where the scatter within classes is "
        "below the rounding of that between them",
    ),
    Limit(
        ("alpha_req",),
        RAW,
        ("tight", "tight and far", "n < d"),
        "NaN from a ratio of 1e-10 on, for the same reason",
    ),
    Limit(
        ("alpha_req",),
        UNLABELLED,
        ("tight", "tight and far", "scale", "n < d", "1:10⁵"),
        "NaN from a ratio of 1e-6 on, where eigenvalues are below the rounding of Σ_W, and Σ_W is "
        "all there is. Give labels, or fit the leading ranks alone (`last=`)",
    ),
    Limit(
        ("bulk_share",),
        SPHERE,
        ("n < d", "1:10⁵"),
        "NaN at a ratio of 1e-12, and at offset 1e4 in the same flat cap: the directions that do "
        "not stand out are below the rounding of those that do",
    ),
    Limit(
        ("bulk_share",),
        RAW,
        ("n < d",),
        "NaN at a ratio of 1e-12, for the same reason",
    ),
    Limit(
        ("bulk_share",),
        UNLABELLED,
        ("n < d",),
        "NaN from a ratio of 1e-6 on, where Σ_W is all there is. With labels it is right",
    ),
    Limit(
        ("rankme",),
        UNLABELLED,
        ("tight", "tight and far", "scale", "n < d"),
        "from a ratio of 1e-6 on singular values below 1e-3 of the largest are not known: NaN "
        "where they would change it by 1 %. With labels it is right",
        wrong=0.01,
    ),
)


def allowed(metric: str, kind: str, trouble: str) -> tuple[float, bool]:
    """The largest error of a metric there, and whether it may be NaN instead."""
    here = [x for x in LIMITS if metric in x.metrics and kind == x.kind and trouble in x.troubles]
    return max([BOUND, *(x.wrong for x in here)]), bool(here)


def within(metric: str, kind: str, trouble: str, error: float) -> bool:
    """Whether an error (NaN: the metric is NaN) is what the limits say."""
    most, undefined = allowed(metric, kind, trouble)
    return undefined if math.isnan(error) else error <= most


def words() -> str:
    """The limits, as the page lists them."""
    lines = []
    for x in LIMITS:
        names = "every metric that squares lengths" if x.metrics == SQUARES else _names(x.metrics)
        where = ", ".join(x.troubles) if len(x.troubles) < len(TROUBLES) else "everywhere"
        lines.append(f"- {names} ({x.kind}; {where}): {x.words}")
    return "\n".join(lines)


def _names(metrics: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in metrics)
