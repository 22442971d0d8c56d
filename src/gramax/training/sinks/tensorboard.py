"""TensorBoard event files, written by tensorboardX: 2 MB, no TensorFlow."""

from __future__ import annotations

import os

import numpy as np

from gramax._optional import need
from gramax.training.sinks.base import BaseSink


class TensorBoardSink(BaseSink):
    """Writes an event file; look at it with `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Make an event file in `folder`, which is made where it is missing.

        Raises:
            MissingExtraError: tensorboardX is not installed.
        """
        self._folder = os.fspath(folder)
        super().__init__()

    def _open(self) -> None:
        package = need("tensorboardX", "the TensorBoard sink", extra="train")
        self._writer = package.SummaryWriter(self._folder)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._writer.add_image(name, pixels, step, dataformats="HWC")

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._writer.add_histogram(name, values, step)

    def _text(self, step: int, name: str, words: str) -> None:
        self._writer.add_text(name, words, step)

    def _flush(self) -> None:
        self._writer.flush()

    def _close(self) -> None:
        self._writer.close()
