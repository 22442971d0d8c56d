"""How wrong every metric can be in float32, over a grid of hard inputs: docs/numerics.md.

    python -m benchmarks.numerics

measures every metric at every point of `numerics_inputs.grid`, against float64 or 50 digits, and
writes the tables of the page. Rows are rounded first (to float32 or half precision) and then taken
as exact: the error is that of the arithmetic alone.
"""

from __future__ import annotations

import math
import sys

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import numerics_page
from benchmarks import numerics_references as references
from benchmarks.numerics_inputs import Point, grid, rows
from benchmarks.numerics_limits import ABSOLUTE, KINDS, ROWS, SPHERE, UNLABELLED, within
from gramax import metrics
from gramax.metrics.report import report
from gramax.moments.class_moments import ClassMoments

Values = dict[str, tuple[float, float]]
"""Found and right, by metric."""


def errors(point: Point, kind: str, wide: bool = False) -> dict[str, float]:
    """By metric: relative error, NaN where it is NaN alone; none where it has no right value.

    Args:
        point: the input.
        kind: a key of `KINDS`: how the input is taken.
        wide: whether to compute in float64.
    """
    with np.errstate(all="ignore"):  # references of degenerate rows
        values = _of_rows(point, wide) if kind == ROWS else _of_moments(point, kind, wide)
    return {
        name: abs(found - right) / (1 if name in ABSOLUTE else abs(right) or 1)
        for name, (found, right) in values.items()
        if not math.isnan(right)
    }


def _cast(x: np.ndarray, wide: bool) -> jax.Array:
    return jnp.asarray(x.astype(np.float64) if wide else x)


def _of_moments(point: Point, kind: str, wide: bool) -> Values:
    z, y = rows(point)
    labels = np.zeros_like(y) if kind == UNLABELLED else y
    with jax.enable_x64(wide):
        moments = ClassMoments.of(
            _cast(z, wide), labels, int(labels.max()) + 1, normalize=kind == SPHERE
        )
        found = {name: float(value) for name, value in report(moments).items()}
    right = references.of_moments(z, y, kind == SPHERE)
    names = references.SPECTRAL if kind == UNLABELLED else right
    return {name: (found[name], right[name]) for name in names}


def beside(z: np.ndarray, y: np.ndarray, point: Point) -> dict[str, np.ndarray]:
    """What comes with the rows: positives, a classifier, class means, the mean of outliers."""
    rng = np.random.default_rng(1)
    x = z.astype(np.float64) / point.scale
    means = np.stack([x[y == k].mean(axis=0) for k in range(y.max() + 1)])
    W = means - means.mean(axis=0) + 0.3 * rng.normal(size=means.shape)
    outlier = rng.normal(size=x.shape[1]) + point.offset
    parts = {
        "W": W,
        "b": -W @ np.full(x.shape[1], point.offset) * point.scale,
        "means": means * point.scale,
        "outlier": outlier * point.scale,
    }
    return {name: part.astype(np.float32) for name, part in parts.items()} | {
        "y": y,
        "positives": np.roll(z, 1, axis=0),
    }


def _of_rows(point: Point, wide: bool) -> Values:
    z, y = rows(point)
    others = beside(z, y, point)
    with jax.enable_x64(wide):
        x, W, b, means, outlier, positives = (
            _cast(v, wide)
            for v in (z, *(others[k] for k in ("W", "b", "means", "outlier", "positives")))
        )
        hubs = metrics.hubness(x)
        found = {
            "alignment": metrics.alignment(x, positives),
            "uniformity": metrics.uniformity(x),
            "nrc1": metrics.nrc1(x, references.TARGETS),
            "two_nn": metrics.two_nn(x),
            "mle_id": metrics.mle_id(x),
            "hubness": hubs.skewness,
            "anti_hub_share": hubs.anti_hub_share,
            "nc3_self_duality": metrics.nc3_self_duality(W, means),
            "nc3_uniform_duality": metrics.nc3_uniform_duality(W, means),
            "nc4_agreement": metrics.nc4_agreement(x, W, b, y, len(W)),
            "nc5_orthogonality": metrics.nc5_orthogonality(means, outlier),
        }
        found = {name: float(value) for name, value in found.items()}
    right = references.of_rows(z, others)
    return {name: (found[name], right[name]) for name in right}


def points(kind: str) -> list[Point]:
    """The grid; metrics of all pairs of rows leave out 100,000 rows, of which audits take some."""
    return [point for point in grid() if kind != ROWS or point.trouble != "1:10⁵"]


def main() -> int:
    found: numerics_page.Found = {}
    beyond = 0
    for kind in KINDS:
        for point in points(kind):
            for wide in (False, True):
                for name, error in errors(point, kind, wide).items():
                    trouble = "float64" if wide else point.trouble
                    found.setdefault((kind, name), {}).setdefault(trouble, []).append(error)
                    if not wide and not within(name, kind, trouble, error):
                        beyond += 1
                        print(f"beyond its limit: {name} ({kind}) at {point}: {error:.1e}")
    print(f"wrote {numerics_page.write(found)}")
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(main())
