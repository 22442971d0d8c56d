"""From moments or a report to what a training run keeps of an audit: an entry and two pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array

from gramax.auditing import audit_moments
from gramax.evidence import Evidence
from gramax.headline import floors
from gramax.moments import ClassMoments
from gramax.registry import METRICS
from gramax.reports import Report
from gramax.runlog import Entry
from gramax.sphere import gram

LOGGED_CLASSES = 64
"""Classes whose cosines stand in the run log at most: 30 kB a line."""

DRAWN_CLASSES = 1024
"""Classes whose cosines are drawn at most."""


@dataclass(frozen=True)
class Snapshot:
    """One audit of a run.

    Attributes:
        entry: its line in the run log.
        cosines: `[c, c]` cosines of the centred class means; None for a report, or many classes.
        spectrum: `[d]` eigenvalues of the covariance, largest first; None for a report.
        classes: their names.
    """

    entry: Entry
    cosines: np.ndarray | None = None
    spectrum: np.ndarray | None = None
    classes: tuple[str, ...] = ()


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

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> taken = snapshot(10, ClassMoments.of(z, jnp.array([0, 0, 1, 1]), 2), name="val")
        >>> taken.entry.step, taken.entry.c, taken.entry.floors["effective_rank"]
        (10, 2, 1.0)
    """
    own = {key: float(value) for key, value in (extra or {}).items()}
    if isinstance(found, Report):
        return Snapshot(_entry(step, name, found, own))
    names = tuple(map(str, range(found.num_classes) if classes is None else classes))
    if not float(found.total) > 0:
        return Snapshot(_nothing(step, name, found, own), classes=names)
    entry = _entry(step, name, audit_moments(found, names), own)
    cosines, spectrum = _pictures(found)
    few = cosines is not None and len(names) <= LOGGED_CLASSES
    logged = {"cosines": np.asarray(cosines), "classes": names} if few else {}
    return Snapshot(
        Entry(**{**vars(entry), **logged}),
        None if cosines is None else np.asarray(cosines),
        None if spectrum is None else np.asarray(spectrum),
        names,
    )


@jax.jit
def _pictures(moments: ClassMoments) -> tuple[Array | None, Array | None]:
    evidence = Evidence(moments)
    small = moments.num_classes <= DRAWN_CLASSES
    return (
        gram(evidence.centred_codes) if small else None,
        None if moments.scatter is None else evidence.eigenvalues[::-1],
    )


def _entry(step: int, name: str, report: Report, extra: Mapping[str, float]) -> Entry:
    numbers = {key: number.value for key, number in report.numbers.items()}
    return Entry(
        step=step,
        numbers=numbers,
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


def _nothing(step: int, name: str, moments: ClassMoments, extra: Mapping[str, float]) -> Entry:
    out = int(np.asarray(moments.left_out).sum())
    why = f"no row to audit ({out:,} were left out)" if out else "no row to audit"
    names = [m.name for m in METRICS if moments.scatter is not None or not m.spectrum]
    return Entry(
        step,
        numbers=dict.fromkeys(names, math.nan),
        reasons=dict.fromkeys(names, why),
        name=name,
        d=moments.dim,
        verdict=f"Nothing to tell: {why}.",
        extra=extra,
    )
