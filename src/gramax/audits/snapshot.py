"""From moments or a report to what a training run keeps of an audit: an entry and two pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gramax._optional import drawing
from gramax.arrays.namespace import Array, compiled, to_numpy
from gramax.audits.audit import audit_moments
from gramax.audits.headline_metrics import floors
from gramax.audits.portrait import WHOLE, Portrait, heat_of
from gramax.audits.report import Report
from gramax.audits.run_log import Entry
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments

__all__ = ["Snapshot", "snapshot"]

LOGGED_CLASSES = 64
"""Classes whose cosines stand in the run log at most: 30 kB a line."""


@dataclass(frozen=True)
class Snapshot:
    """One audit of a run.

    Attributes:
        entry: its line in the run log.
        cosines: `[c, c]` cosines of the centred class means; of more than 200 classes, the largest
            of blocks of them. None of a report without a portrait.
        spectrum: `[d]` eigenvalues of the covariance, largest first; None without a portrait.
        classes: the names of the rows of `cosines`, none of which a block has.
    """

    entry: Entry
    cosines: np.ndarray | None = None
    spectrum: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def pictures(self) -> dict[str, np.ndarray]:
        """Its cosines and its spectrum where it has them, drawn as uint8 pixels, by name."""
        return drawing("single_pictures").pictures_of(self)


def snapshot(
    step: int,
    found: ClassMoments | Report,
    *,
    name: str = "",
    classes: Sequence[str] | None = None,
    extra: Mapping[str, float] | None = None,
) -> Snapshot:
    """Audit moments (or take a report) at a step of training.

    Args:
        step: optimiser steps before this audit.
        found: what was gathered. Moments of no row give an entry whose numbers are undefined: a
            loop does not stop because an evaluation was empty.
        name: which rows: "train", "val", a layer.
        classes: names of the classes of moments; their numbers by default.
        extra: the run's own numbers: loss, error, epoch.

    Raises:
        ValueError: the names are not one a class.

    Example:
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> taken = snapshot(10, ClassMoments.of(z, np.array([0, 0, 1, 1]), 2), name="val")
        >>> taken.entry.step, taken.entry.c, taken.entry.floors["effective_rank"]
        (10, 2, 1.0)
    """
    own = {key: float(value) for key, value in (extra or {}).items()}
    if isinstance(found, Report):
        return _of_report(_entry(step, name, found, own), found.portrait)
    names = tuple(map(str, range(found.num_classes) if classes is None else classes))
    if not float(found.total) > 0:
        out = int(to_numpy(found.left_out).sum())
        why = f"no row to audit ({out:,} were left out)" if out else "no row to audit"
        none = [metric.name for metric in METRICS.of(found.scatter)]
        numbers, reasons = dict.fromkeys(none, math.nan), dict.fromkeys(none, why)
        told = f"Nothing to tell: {why}."
        entry = Entry(step, numbers, reasons, name, d=found.dim, verdict=told, extra=own)
        return Snapshot(entry, classes=names)
    entry = _entry(step, name, audit_moments(found, names), own)
    made, eigenvalues = _pictures(found)
    codes, spectrum = to_numpy(made), None if eigenvalues is None else to_numpy(eigenvalues)
    if len(names) <= WHOLE:
        return _pictured(entry, codes @ codes.T, spectrum, names)
    return Snapshot(entry, heat_of(codes, np.arange(len(names)))[0].cosines, spectrum)


def _of_report(entry: Entry, portrait: Portrait | None) -> Snapshot:
    """With the pictures that a report has: codes in the order of the labels, as those of moments.

    Where there are too many for that, blocks of codes in the order that the report has them in.
    """
    heat = portrait.centred if portrait else None
    spectrum = portrait.eigenvalues if portrait else None
    if portrait is None or heat is None or heat.size > 1:
        return Snapshot(entry, heat.cosines if heat else None, spectrum)
    back = np.argsort(heat.order)
    names = tuple(portrait.names[k] for k in heat.order[back])
    return _pictured(entry, heat.cosines[np.ix_(back, back)], spectrum, names)


def _pictured(
    entry: Entry, cosines: np.ndarray | None, spectrum: np.ndarray | None, names: tuple[str, ...]
) -> Snapshot:
    """The pictures beside the entry, and in it the cosines of few classes."""
    if cosines is not None and len(names) <= LOGGED_CLASSES:
        entry = replace(entry, cosines=cosines, classes=names)
    return Snapshot(entry, cosines, spectrum, names)


@compiled()
def _pictures(moments: ClassMoments) -> tuple[Array, Array | None]:
    evidence = Evidence(moments)
    spectrum = None if moments.scatter is None else evidence.xp.flip(evidence.eigenvalues)
    return evidence.centred_codes, spectrum


def _entry(step: int, name: str, report: Report, extra: Mapping[str, float]) -> Entry:
    return Entry(
        step=step,
        numbers={key: number.value for key, number in report.numbers.items()},
        reasons={key: number.reason for key, number in report.numbers.items() if number.reason},
        name=name,
        n=report.n,
        d=report.d,
        c=report.c,
        floors=floors(report.c, report.d),
        verdict=report.diagnosis.text,
        answers={answer.question: answer.status for answer in report.answers},
        extra=extra,
    )
