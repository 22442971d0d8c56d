"""An orthographic camera that circles the sphere: the only mathematics of the drawing."""

from __future__ import annotations

import numpy as np


def view(azimuth: float, elevation: float = 20.0) -> np.ndarray:
    """Rows right, up and towards the viewer, for a camera at these angles in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    right = [-np.sin(a), np.cos(a), 0.0]
    up = [-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e)]
    towards = [np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]
    return np.array([right, up, towards])


def project(points: np.ndarray, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[..., 3]` points to `[..., 2]` on the page and `[...]` depth, positive in front."""
    seen = np.asarray(points) @ camera.T
    return seen[..., :2], seen[..., 2]


def equator(elevation: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """The front and the back half of the equator, each `[n, 2]`; the same from every azimuth."""
    turn = np.radians(np.linspace(-90, 90, 61))
    front = np.stack([np.sin(turn), -np.sin(np.radians(elevation)) * np.cos(turn)], axis=1)
    return front, front * [1, -1]
