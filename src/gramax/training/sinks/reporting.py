"""One audit to a sink: numbers, the Gram matrix and the spectrum as pictures, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gramax.audits.headline_metrics import LogConfig
from gramax.audits.report import Report
from gramax.audits.snapshot import Snapshot, snapshot
from gramax.moments.class_moments import ClassMoments
from gramax.training.sinks.base import Sink, first_process
from gramax.training.sinks.jsonl import JsonLinesSink


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
    if isinstance(sink, JsonLinesSink):
        sink.append(found.entry)
        return
    config = config or LogConfig()
    prefix = config.prefix + (f"{found.entry.name}/" if found.entry.name else "")
    _write_numbers(sink, found, config, prefix)
    if pictures:
        _write_pictures(sink, found, prefix)


def _write_numbers(sink: Sink, found: Snapshot, config: LogConfig, prefix: str) -> None:
    entry = found.entry
    numbers = {key: entry.numbers[key] for key in config.metrics if key in entry.numbers}
    finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
    sink.scalars(entry.step, {prefix + k: v for k, v in (finite | dict(entry.extra)).items()})
    for key in numbers.keys() - finite.keys():
        reason = entry.reasons.get(key, "the number is not finite")
        sink.text(entry.step, f"{prefix}{key}/undefined", f"{key} is undefined: {reason}")
    sink.text(entry.step, f"{prefix}verdict", entry.verdict)


def _write_pictures(sink: Sink, found: Snapshot, prefix: str) -> None:
    from gramax.render.single_pictures import gram_picture, spectrum_picture

    step = found.entry.step
    if found.cosines is not None:
        picture = gram_picture(found.cosines, found.classes, found.entry.c)
        sink.image(step, f"{prefix}cosines", picture)
    if found.spectrum is not None:
        sink.image(step, f"{prefix}spectrum", spectrum_picture(found.spectrum, found.entry.c))
        sink.histogram(step, f"{prefix}eigenvalues", found.spectrum)
