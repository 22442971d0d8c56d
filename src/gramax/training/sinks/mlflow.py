"""MLflow. Its plain file store is refused by default: use `sqlite:///runs.db` or a server."""

from __future__ import annotations

import numpy as np

from gramax._optional import need
from gramax.training.sinks.base import BaseSink


class MLflowSink(BaseSink):
    """Writes metrics, and pictures, histograms and words as artifacts, to an MLflow run."""

    def __init__(
        self, run_id: str | None = None, *, uri: str | None = None, experiment: str = "gramax"
    ) -> None:
        """Write to the run `run_id`, or to a new one of `experiment`, ended by `close`.

        An error in the `with` block marks the new run as failed.

        Args:
            run_id: of a run that is open already.
            uri: the tracking server or database, e.g. "sqlite:///runs.db"; MLflow's own setting
                by default.
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
        counts, edges = np.histogram(values, bins="sturges")
        data = {"counts": counts.tolist(), "edges": edges.tolist()}
        self._client.log_dict(self._id, data, f"{name}/{step:08d}.json")

    def _text(self, step: int, name: str, words: str) -> None:
        self._client.log_text(self._id, words, f"{name}/{step:08d}.txt")

    def _close(self) -> None:
        self._terminate("FINISHED")

    def _fail(self) -> None:
        self._terminate("FAILED")

    def _terminate(self, status: str) -> None:
        if self._mine:
            self._client.set_terminated(self._id, status)
