"""Weights & Biases. `WANDB_MODE=offline` writes to files alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from gramax._optional import need
from gramax.training.sinks.base import BaseSink


class WandbSink(BaseSink):
    """Writes to a run of Weights & Biases.

    The step is written as the number `audit/step`, and is the axis of what is written here: the
    run's own step, which only ever rises, stays with the training loop.
    """

    def __init__(self, run: Any = None, **options: Any) -> None:
        """Write to `run`, or to a new one made by `wandb.init(**options)` and ended by `close`.

        An error in the `with` block ends the new run with exit code 1: it is marked as failed.

        Raises:
            MissingExtraError: wandb is not installed.
        """
        self._run, self._options, self._mine = run, options, run is None
        super().__init__()

    def _open(self) -> None:
        self._wandb = need("wandb", "the Weights & Biases sink")
        if self._mine:
            self._run = self._wandb.init(**self._options)
        self._known: set[str] = set()
        self._run.define_metric("audit/step", hidden=True)

    def _log(self, step: int, values: dict[str, Any]) -> None:
        for name in values.keys() - self._known:
            self._run.define_metric(name, step_metric="audit/step")
            self._known.add(name)
        self._run.log({"audit/step": step, **values})

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        self._log(step, dict(values))

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._log(step, {name: self._wandb.Image(pixels)})

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._log(step, {name: self._wandb.Histogram(values.tolist())})

    def _text(self, step: int, name: str, words: str) -> None:
        table = self._wandb.Table(columns=["step", "text"], data=[[step, words]])
        self._log(step, {name: table})

    def _close(self) -> None:
        self._finish(0)

    def _fail(self) -> None:
        self._finish(1)

    def _finish(self, exit_code: int) -> None:
        if self._mine:
            self._run.finish(exit_code=exit_code)
