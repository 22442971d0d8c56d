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
"""The number of a cell whose cosine is 1."""


def pictures_data(
    names: Sequence[str],
    views: Sequence[tuple[Heat, float]] = (),
    cloud: Cloud | None = None,
) -> dict[str, Any]:
    """All that the script draws; heat map and cloud name classes by their codes.

    Args:
        names: of the classes, by code.
        views: heat maps over the same blocks of classes, each with the largest value it can show.
        cloud: rows in the plane.
    """
    heat = heat_data(views) if views else None
    points = cloud_data(cloud) if cloud is not None else None
    used: set[int] = {code for block in heat["blocks"] for code in block} if heat else set()
    used |= set(points["names"]) if points else set()
    shown = {code: named(names[code]) for code in sorted(used)}
    return {"names": shown, "heat": heat, "cloud": points}


def heat_data(views: Sequence[tuple[Heat, float]]) -> dict[str, Any]:
    """Heat maps over the same blocks of classes, each with the largest value that it can show.

    A block lists the classes that some cell of it shows; a cell says which of them, where a block
    has more than one.
    """
    first = views[0][0]
    side = len(first.cosines)
    rows, columns = np.triu_indices(side)
    blocks = _blocks(first, [heat for heat, _ in views], side)
    places = [{code: k for k, code in enumerate(block)} for block in blocks]
    wide = max(map(len, blocks)) > 256
    return {
        "size": first.size,
        "count": len(first.order),
        "wide": wide,
        "blocks": blocks,
        "views": [
            {
                "scale": _scale(heat, limit),
                "cells": _base64(_quantised(heat.cosines[rows, columns], limit)),
                "at": _cells(heat, places, rows, columns, wide) if first.size > 1 else None,
            }
            for heat, limit in views
        ],
    }


def _blocks(first: Heat, heats: Sequence[Heat], side: int) -> list[list[int]]:
    """The classes of each block that some cell shows, in the order of the heat map."""
    used = np.zeros(int(first.order.max()) + 1, bool)
    for heat in heats:
        used[heat.first] = used[heat.second] = True
    parts = [first.order[i * first.size : (i + 1) * first.size] for i in range(side)]
    return [[int(code) for code in part if used[code]] or [int(part[0])] for part in parts]


def _cells(
    heat: Heat, places: list[dict[int, int]], rows: np.ndarray, columns: np.ndarray, wide: bool
) -> str:
    """Which class of the row's block, and which of the column's, a cell shows."""
    found = np.zeros((len(rows), 2), np.uint16 if wide else np.uint8)
    for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        found[k] = places[i].get(int(heat.first[i, j]), 0), places[j].get(int(heat.second[i, j]), 0)
    return _base64(found)


def _quantised(values: np.ndarray, limit: float) -> np.ndarray:
    """Four decimals, as other numbers on the page have: a readout shows the same."""
    scaled = np.round(np.clip(np.nan_to_num(values), -limit, limit) * CELL_UNITS)
    return np.where(np.isnan(values), NO_PAIR, scaled).astype("<i2")


def _scale(heat: Heat, limit: float) -> float:
    """The value at which colours end: full scale, or less where all cosines are small."""
    values = np.abs(heat.cosines)
    if heat.size == 1:
        values = values[~np.eye(len(values), dtype=bool)]
    largest = float(np.nanmax(values, initial=0.0))
    if largest > limit / 2:
        return limit
    steps = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0])
    return float(steps[min(int(np.searchsorted(steps, largest)), len(steps) - 1)])


def cloud_data(cloud: Cloud) -> dict[str, Any]:
    """Points as int16, the farthest at 32767, with the classes that they show."""
    shown, labels = np.unique(cloud.labels, return_inverse=True)
    reach = float(np.abs(cloud.points).max()) or 1.0
    points = np.round(cloud.points / reach * 32767).astype("<i2")
    across = np.abs(points.astype(float)).max(axis=0)
    return {
        "names": shown.tolist(),
        "points": _base64(points),
        "labels": _base64(labels.astype("<u2")),
        "reach": [max(float(a), 1.0) for a in across],
    }


def point_classes_text(cloud: Cloud) -> str:
    """How many classes are points in the picture: their rows within 1 % of its reach."""
    members = np.bincount(cloud.labels)
    sums = [np.bincount(cloud.labels, axis) for axis in cloud.points.T]
    means = np.stack(sums, axis=1) / np.maximum(members, 1)[:, None]
    apart = np.linalg.norm(cloud.points - means[cloud.labels], axis=1)
    spread = np.zeros(len(members))
    np.maximum.at(spread, cloud.labels, apart)
    several = members > 1
    points = int((several & (spread < 0.01 * np.abs(cloud.points).max())).sum())
    if not points or len(members) == 1:
        return ""
    if points == several.sum():
        return " Each class is a point here: its rows lie on one another."
    return (
        f" {points:,} of {several.sum():,} classes are points here: their rows lie on one another."
    )


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
