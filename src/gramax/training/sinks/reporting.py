"""Whole audits to sinks: `log_report`, and the run log, which `gramax watch` reads, as a sink."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gramax._files import replacing
from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.audits.report import Report
from gramax.audits.run_log import Entry, RunLog
from gramax.audits.snapshot import Snapshot, snapshot
from gramax.moments.class_moments import ClassMoments
from gramax.training.sinks.base import BaseSink, Sink, first_process, histogram_of


class JsonLinesSink(BaseSink):
    """Appends to a run log; pictures go to the folder `PATH.images` beside it."""

    def __init__(
        self, path: str | os.PathLike[str], *, fresh: bool = False, fsync: bool = False
    ) -> None:
        """Open the run log `path`, for one writer at a time.

        Args:
            path: the file, made where it is missing; its folder exists.
            fresh: start anew where the file holds the log of an earlier run.
            fsync: wait for the disk after every line: survives the loss of power too.

        Raises:
            InputError: it cannot be written, is no run log, or another process is writing it.
        """
        self._path, self._fresh, self._fsync = Path(path), fresh, fsync
        super().__init__()

    def _open(self) -> None:
        self._log = RunLog(self._path, fresh=self._fresh, fsync=self._fsync)

    def append(self, entry: Entry) -> None:
        """Write a whole audit as one line.

        Raises:
            ValueError: the sink is closed, or the step is not a whole number from 0.
            InputError: the disk does not take the whole line; the log is left as it was.
        """
        if self._ready(entry.step):
            self._log.append(entry)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        self._log.write({"type": "scalars", "step": int(step), "values": values})

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        Image = need("PIL.Image", "writing a PNG", "pillow", "plot")
        folder = self._path.with_name(self._path.name + ".images")
        folder.mkdir(exist_ok=True)
        safe = "".join(ch if ch.isalnum() or ch in "-_." else "_" for ch in name)
        path = folder / f"{int(step):08d}-{safe}.png"
        with replacing(path) as temporary:
            Image.fromarray(pixels).save(temporary, "PNG", optimize=True)
        where = f"{folder.name}/{path.name}"
        self._log.write({"type": "image", "step": int(step), "name": name, "file": where})

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        record = {"type": "histogram", "step": int(step), "name": name}
        self._log.write(record | histogram_of(values))

    def _text(self, step: int, name: str, words: str) -> None:
        self._log.write({"type": "text", "step": int(step), "name": name, "text": words})

    def _close(self) -> None:
        self._log.close()


def log_report(
    sink: Sink,
    step: int,
    found: ClassMoments | Report | Snapshot,
    *,
    name: str = "",
    classes: Sequence[str] | None = None,
    extra: Mapping[str, float] | None = None,
    config: LogConfig | None = None,
    pictures: bool = True,
) -> None:
    """Write one audit to a sink; in the first process alone.

    A `JsonLinesSink` gets the whole audit as one line. Any other gets the numbers that `config`
    names (what is undefined as text, with its reason), the run's own numbers, the verdict as text,
    the cosines of the class means and the spectrum as pictures, and the spectrum as a histogram. A
    report has these where it has a portrait (`audit(..., portrait=True)`).

    Args:
        sink: where to.
        step: optimiser steps before this audit, a whole number from 0.
        found: moments, an audit's report, or a snapshot that was taken already.
        name: which rows: "train", "val", a layer.
        classes: names of the classes of moments; their numbers by default.
        extra: the run's own numbers: loss, error, epoch.
        config: which numbers, and the prefix of their names.
        pictures: draw; without it nothing but numbers and text is written.

    Raises:
        MissingExtraError: matplotlib is not installed and there are pictures to draw.
        ValueError: the sink is closed, or the names are not one a class.
    """
    if not first_process():
        return
    if not isinstance(found, Snapshot):
        found = snapshot(step, found, name=name, classes=classes, extra=extra)
    entry, config = found.entry, config or LogConfig()
    if isinstance(sink, JsonLinesSink):
        sink.append(entry)
        return
    prefix = config.prefix + (f"{entry.name}/" if entry.name else "")
    numbers = {key: entry.numbers[key] for key in config.metrics if key in entry.numbers}
    finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
    sink.scalars(entry.step, {prefix + k: v for k, v in (finite | dict(entry.extra)).items()})
    for key in numbers.keys() - finite.keys():
        reason = entry.reasons.get(key, "the number is not finite")
        sink.text(entry.step, f"{prefix}{key}/undefined", f"{key} is undefined: {reason}")
    sink.text(entry.step, f"{prefix}verdict", entry.verdict)
    if pictures:
        for key, pixels in found.pictures().items():
            sink.image(entry.step, prefix + key, pixels)
        if found.spectrum is not None:
            sink.histogram(entry.step, f"{prefix}eigenvalues", found.spectrum)
