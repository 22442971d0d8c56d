"""Trackio: the local, light tracker with the interface of Weights & Biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from gramax._optional import need
from gramax.training.sinks.base import BaseSink


class TrackioSink(BaseSink):
    """Writes to a run of Trackio; look at it with `trackio show`."""

    def __init__(self, run: Any = None, *, project: str = "gramax", **options: Any) -> None:
        """Write to `run`, or to a new one of `project` made by `trackio.init(**options)`.

        Raises:
            MissingExtraError: trackio is not installed.
        """
        self._run, self._project, self._options, self._mine = run, project, options, run is None
        super().__init__()

    def _open(self) -> None:
        self._trackio = need("trackio", "the Trackio sink")
        if self._mine:
            self._run = self._trackio.init(project=self._project, **self._options)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._run.log({name: self._trackio.Image(pixels)}, step=step)

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._run.log({name: self._trackio.Histogram(values)}, step=step)

    def _text(self, step: int, name: str, words: str) -> None:
        self._run.log({name: self._trackio.Markdown(words)}, step=step)

    def _close(self) -> None:
        if self._mine:
            self._run.finish()
