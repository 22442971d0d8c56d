"""Sinks for TensorBoard, Weights & Biases, MLflow and Trackio."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.training.sinks.base import BaseSink, histogram_of


class TensorBoardSink(BaseSink):
    """Writes an event file by tensorboardX; look at it with `tensorboard --logdir FOLDER`."""

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


class WandbSink(BaseSink):
    """Writes to a run of Weights & Biases; `WANDB_MODE=offline` writes to files alone.

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

    def _scalars(self, step: int, values: dict[str, Any]) -> None:
        for name in values.keys() - self._known:
            self._run.define_metric(name, step_metric="audit/step")
            self._known.add(name)
        self._run.log({"audit/step": step, **values})

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._scalars(step, {name: self._wandb.Image(pixels)})

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._scalars(step, {name: self._wandb.Histogram(values.tolist())})

    def _text(self, step: int, name: str, words: str) -> None:
        table = self._wandb.Table(columns=["step", "text"], data=[[step, words]])
        self._scalars(step, {name: table})

    def _close(self, exit_code: int = 0) -> None:
        if self._mine:
            self._run.finish(exit_code=exit_code)

    def _fail(self) -> None:
        self._close(1)


class MLflowSink(BaseSink):
    """Writes metrics, and pictures, histograms and words as artifacts, to an MLflow run."""

    def __init__(
        self, run_id: str | None = None, *, uri: str | None = None, experiment: str = "gramax"
    ) -> None:
        """Write to the run `run_id`, or to a new one of `experiment`, ended by `close`.

        An error in the `with` block marks the new run as failed.

        Args:
            run_id: of a run that is open already.
            uri: the tracking server or database, e.g. "sqlite:///runs.db" (MLflow refuses its plain
                file store by default); MLflow's own setting by default.
            experiment: the name of the experiment of a new run, made where it is missing.

        Raises:
            MissingExtraError: mlflow is not installed.
        """
        self._id, self._uri, self._experiment = run_id, uri, experiment
        self._mine = run_id is None
        super().__init__()

    def _open(self) -> None:
        self._client = need("mlflow.tracking", "the MLflow sink").MlflowClient(self._uri)
        if self._mine:
            found = self._client.get_experiment_by_name(self._experiment)
            experiment = found.experiment_id if found else None
            experiment = experiment or self._client.create_experiment(self._experiment)
            self._id = self._client.create_run(experiment).info.run_id

    @property
    def run_id(self) -> str | None:
        """The run that is written to; None in all processes but the first."""
        return self._id

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step, synchronous=True)

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._client.log_image(self._id, pixels, f"{name}/{step:08d}.png")

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._client.log_dict(self._id, histogram_of(values), f"{name}/{step:08d}.json")

    def _text(self, step: int, name: str, words: str) -> None:
        self._client.log_text(self._id, words, f"{name}/{step:08d}.txt")

    def _close(self, status: str = "FINISHED") -> None:
        if self._mine:
            self._client.set_terminated(self._id, status)

    def _fail(self) -> None:
        self._close("FAILED")


class TrackioSink(BaseSink):
    """Writes to a run of Trackio, a local, light tracker; look at it with `trackio show`."""

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

    def _scalars(self, step: int, values: dict[str, Any]) -> None:
        self._run.log(dict(values), step=step)

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._scalars(step, {name: self._trackio.Image(pixels)})

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        self._scalars(step, {name: self._trackio.Histogram(values)})

    def _text(self, step: int, name: str, words: str) -> None:
        self._scalars(step, {name: self._trackio.Markdown(words)})

    def _close(self) -> None:
        if self._mine:
            self._run.finish()
