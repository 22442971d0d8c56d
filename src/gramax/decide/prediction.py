"""The moments after a map, from those before it: an audit of what nobody has written yet.

A linear map takes class means and scatter along exactly, and for rows as they are that is all. Back
on the sphere every row is divided by its own length, which moments do not tell: that is seen on
some rows that were kept, and what these say of all rows is corrected by how their own moments
before the division differ from those of all (control variates). Where all rows are here it is
exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.rows import row_squares
from gramax.decide.remedies import Map
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments


def mapped(moments: ClassMoments, to: Map) -> ClassMoments:
    """Moments of the rows after a map, not normalised.

    The scatter within each class is not known, only that of all: it is taken to change alike.
    """
    e, matrix = Evidence(moments), to.matrix
    means, scatter = e.origin_means - to.origin, moments.scatter
    assert scatter is not None
    if matrix is not None:
        means, scatter = means @ matrix, matrix.T @ scatter @ matrix
    before = float(np.sum(moments.spread))
    grown = np.trace(scatter) / before if before > 0 else 1.0
    return _of(moments, means, moments.spread * grown, scatter, normalize=False)


def after(
    moments: ClassMoments,
    to: Map,
    y: Float[np.ndarray, "n m"],
    labels: Int[np.ndarray, " n"],
) -> ClassMoments:
    """Moments of all rows after a map, on the sphere again where they were on it.

    `y` are some of the rows after it, not yet on the sphere again, with their classes.
    """
    if not moments.normalize:
        return mapped(moments, to)
    c = moments.num_classes
    here = ClassMoments.of(y, labels, c)
    if len(y) >= float(moments.total):
        return here
    linear, some = mapped(moments, to), ClassMoments.of(y, labels, c, normalize=False)
    squares = row_squares(y)
    by_length = float(np.sum(np.sqrt(squares)) / np.sum(squares))  # of u = y/|y| on y
    e, e_some, e_all = Evidence(here), Evidence(some), Evidence(linear)
    means = e.origin_means + by_length * (e_all.origin_means - e_some.origin_means)
    by_square = len(y) / float(np.sum(squares))  # of uuᵀ on yyᵀ
    within = _within(here) + by_square * (_within(linear) - _within(some))
    scatter = _freedom(moments) * within
    # On the sphere a class scatters by 1 - |mean|²; means of few rows are too long by noise.
    counts, lengths = moments.counts, row_squares(means)
    along = (float(np.sum(counts)) - np.trace(scatter)) / float(np.sum(counts * lengths))
    means = means * np.sqrt(np.clip(along, 0, 1 / max(1e-300, float(np.max(lengths)))))
    spread = counts * (1 - row_squares(means))
    return _of(moments, means, spread, scatter, normalize=True)


def _within(moments: ClassMoments) -> Float[np.ndarray, "m m"]:
    assert moments.scatter is not None
    return moments.scatter / _freedom(moments)


def _freedom(moments: ClassMoments) -> float:
    """Rows that tell of the scatter within classes: each class mean has used up one."""
    return max(1.0, float(np.sum(moments.counts) - np.sum(moments.counts > 0)))


def _of(
    moments: ClassMoments,
    means: np.ndarray,
    spread: np.ndarray,
    scatter: np.ndarray,
    normalize: bool,
) -> ClassMoments:
    """These moments for the classes and counts of others; all are measured from one anchor."""
    anchor = np.zeros_like(means)
    anchor[:, 0] = normalize  # a direction; the origin for rows as they are
    there = (moments.counts > 0)[:, None]
    fields = {"anchor": anchor * there, "mean": np.where(there, means - anchor, 0)}
    fields |= {"spread": spread, "scatter": (scatter + scatter.T) / 2, "ambient": None}
    return replace(moments, normalize=normalize, **fields)
