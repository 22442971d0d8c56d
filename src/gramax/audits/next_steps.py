"""The decisions that an audit's findings call for: at most two, each with what to type."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from itertools import islice

from gramax.audits.facts import number_of
from gramax.audits.report import Report, Step
from gramax.audits.thresholds import CONE_COSINE
from gramax.streaming import Request
from gramax.streaming.inputs import is_places

MAX_STEPS = 2

MANY_HUBS = 2.0
"""Skewness of how often rows are neighbours of others, from which few rows answer most queries."""

UNUSED_SHARE, MIN_DIM = 0.25, 64
"""Effective rank over dimensions below which rows may take fewer, in at least so many."""

MANY_CLASSES = 20
"""Classes from which on labels are likely identities, of which new ones come."""


def next_steps(report: Report, request: Request) -> tuple[Step, ...]:
    """What to decide next, most urgent first; empty where nothing calls for a decision.

    The request is that of the audit, with sources as the caller has named them.
    """
    called_for = islice(_called_for(report), MAX_STEPS)
    return tuple(Step(why, _typed(decision, request)) for decision, why in called_for)


def _called_for(report: Report) -> Iterator[tuple[str, str]]:
    hubs = number_of(report, "hubness").value
    # Classes weigh alike, and features that are not negative share no direction for that reason.
    cosine = report.findings.common if report.findings else number_of(report, "mean_cosine").value
    if cosine > CONE_COSINE:
        yield "fix", f"Rows share a direction (average cosine {cosine:.2f}): does centring help?"
    elif hubs > MANY_HUBS:
        yield "fix", f"Few rows are neighbours of many (hubness {hubs:.2g}): what helps?"
    if report.c >= MANY_CLASSES:
        yield "threshold", f"{report.c:,} classes: from which cosine on are two rows of one class?"
    rank = number_of(report, "effective_rank").value
    if report.d >= MIN_DIM and rank < UNUSED_SHARE * report.d:
        text = f"Rows spread over {rank:.3g} of {report.d:,} dimensions: how many can be dropped?"
        yield "shrink", text


def _typed(decision: str, request: Request) -> str:
    """The command for files, or the call for arrays."""
    source, labels, column = request.source, request.labels, request.column
    raw = not request.normalize and decision != "threshold"  # cosines are of directions
    if not is_places(source):
        more = (", labels" if labels is not None else "") + (", raw=True" if raw else "")
        return f"gramax.{decision}(embeddings{more})"
    words = [os.fspath(one) for one in (source if isinstance(source, list | tuple) else [source])]
    if labels is not None:
        is_place = isinstance(labels, str | os.PathLike)
        words += ["--labels", os.fspath(labels) if is_place else "LABELS"]
    words += ["--column", column] if column else []
    words += ["--raw"] if raw else []
    return shlex.join(["gramax", decision, *words])
