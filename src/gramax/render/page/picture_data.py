"""A portrait as data for the page's script: base64 of small integers, and each name once."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._text import named

if TYPE_CHECKING:
    from gramax.audits.portrait import Cloud, Heat

NO_PAIR = -32768
"""The number of a cell of the heat map where there is no pair."""

CELL_UNITS = 10_000
"""The number of a cell whose cosine is 1: four decimals, as other numbers on the page have."""

COLOUR_ENDS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0])
"""Values at which colours may end where all cosines are small."""


def pictures_data(
    names: Sequence[str],
    views: Sequence[tuple[Heat, float]] = (),
    cloud: Cloud | None = None,
) -> dict[str, Any]:
    """All that the script draws; heat maps and the cloud name classes by their codes.

    The `views` are heat maps over the same blocks, each with the largest value that it can show.
    """
    heat = _heat(views) if views else None
    points = _cloud(cloud) if cloud is not None else None
    used: set[int] = {code for block in heat["blocks"] for code in block} if heat else set()
    used |= set(points["names"]) if points else set()
    shown = {code: named(names[code]) for code in sorted(used)}
    return {"names": shown, "heat": heat, "cloud": points}


def _heat(views: Sequence[tuple[Heat, float]]) -> dict[str, Any]:
    """The heat maps.

    A block lists the classes that some cell of it shows; a cell says which of them, where a block
    has more than one.
    """
    first = views[0][0]
    used = np.zeros(int(first.order.max()) + 1, bool)
    for heat, _ in views:
        used[heat.first] = used[heat.second] = True
    parts = [first.order[i : i + first.size] for i in range(0, len(first.order), first.size)]
    blocks = [[int(code) for code in part if used[code]] or [int(part[0])] for part in parts]
    wide = max(map(len, blocks)) > 256
    return {
        "size": first.size,
        "count": len(first.order),
        "wide": wide,
        "blocks": blocks,
        "views": [_view(heat, limit, blocks, wide) for heat, limit in views],
    }


def _view(heat: Heat, limit: float, blocks: list[list[int]], wide: bool) -> dict[str, Any]:
    """The cells above the diagonal and on it; the value at which colours end, which may be less."""
    rows, columns = np.triu_indices(len(heat.cosines))
    values = heat.cosines[rows, columns]
    scaled = np.round(np.clip(np.nan_to_num(values), -limit, limit) * CELL_UNITS)
    pairs = np.abs(values if heat.size > 1 else values[rows != columns])
    largest = float(np.nanmax(pairs, initial=0.0))
    low = largest <= limit / 2
    at = None
    if heat.size > 1:
        places = [{code: k for k, code in enumerate(block)} for block in blocks]
        cells = zip(
            rows, columns, heat.first[rows, columns], heat.second[rows, columns], strict=True
        )
        found = [(places[i].get(a, 0), places[j].get(b, 0)) for i, j, a, b in cells]
        at = _base64(np.array(found, np.uint16 if wide else np.uint8))
    return {
        "scale": float(COLOUR_ENDS[np.searchsorted(COLOUR_ENDS, largest)]) if low else limit,
        "cells": _base64(np.where(np.isnan(values), NO_PAIR, scaled).astype("<i2")),
        "at": at,
    }


def _cloud(cloud: Cloud) -> dict[str, Any]:
    """Points as int16, the farthest at 32767, with the classes that they show."""
    shown, labels = np.unique(cloud.labels, return_inverse=True)
    reach = float(np.abs(cloud.points).max()) or 1.0
    points = np.round(cloud.points / reach * 32767).astype("<i2")
    return {
        "names": shown.tolist(),
        "points": _base64(points),
        "labels": _base64(labels.astype("<u2")),
        "reach": np.maximum(np.abs(points.astype(float)).max(axis=0), 1.0).tolist(),
    }


def point_classes_text(cloud: Cloud) -> str:
    """How many classes are points in the picture: their rows within 1 % of its reach."""
    groups = [cloud.points[cloud.labels == k] for k in np.unique(cloud.labels)]
    several = [rows for rows in groups if len(rows) > 1]
    spreads = [np.linalg.norm(rows - rows.mean(axis=0), axis=1).max() for rows in several]
    points = sum(spread < 0.01 * np.abs(cloud.points).max() for spread in spreads)
    if not points or cloud.labels.max() == 0:
        return ""
    which = f"{points:,} of {len(several):,} classes are points here: their"
    which = "Each class is a point here: its" if points == len(several) else which
    return f" {which} rows lie on one another."


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
