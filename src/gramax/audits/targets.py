"""Continuous targets of a regression: how many there are that do not follow from each other."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from gramax.arrays.namespace import is_foreign, to_numpy
from gramax.errors import InputError
from gramax.metrics.evidence import Evidence
from gramax.streaming import Request, collect, joined
from gramax.streaming.inputs import is_places


def count_targets(targets: Any, source: Any, rows: int) -> int:
    """The rank of the targets about their mean.

    Args:
        targets: their number; or `[n, t]` (or `[n]`) numbers, files of them, or the name of a
            column of `source`.
        source: the embeddings that they belong to.
        rows: how many embeddings there are.

    Raises:
        InputError: there are none, they are not one row an embedding, or all rows are alike.

    Example:
        >>> y = np.arange(6.0)
        >>> print(count_targets(3, None, 6), count_targets(np.stack([y, 2 * y], axis=1), None, 6))
        3 1
    """
    if isinstance(targets, int) or (isinstance(targets, str) and targets.isdecimal()):
        if int(targets) < 1:
            raise InputError(f"there is at least one continuous target; got {targets}")
        return int(targets)
    collected = collect(_request(targets, source))
    if collected.rows != rows:
        raise InputError(f"{collected.name}: {collected.rows:,} targets for {rows:,} embeddings")
    values = Evidence(joined(collected.totals.blocks)).eigenvalues
    count = int(np.sum(values > 0))
    if not count:
        raise InputError(f"{collected.name}: all targets are alike")
    return count


def _request(targets: Any, source: Any) -> Request:
    if isinstance(targets, str | os.PathLike):
        name = os.fspath(targets)
        place = set("*?[") & set(name) or "://" in name or os.path.exists(name.split("::")[0])
        if not place and is_places(source):
            return Request(source, column=name, normalize=False)
        return Request(name, normalize=False)
    array = np.asarray(to_numpy(targets) if is_foreign(targets) else targets)
    return Request(array[:, None] if array.ndim == 1 else array, normalize=False)
