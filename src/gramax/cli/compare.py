"""`gramax compare`: two files in, what changed out, an exit code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from gramax.cli import options
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing

if TYPE_CHECKING:
    from gramax.decide.comparison.results import Change

ROUNDING = 1e-6
"""Relative difference of two numbers that are one but for rounding in float32."""


@click.command()
@options.file_argument("a")
@options.file_argument("b")
@options.file_option(
    "--labels", metavar="LABELS", help="Files of labels, or a column, for A and B."
)
@options.file_option(
    "--labels-b", metavar="LABELS", help="Labels of B, where they are not those of A."
)
@options.row_options
@options.file_option(
    "--groups-b", metavar="GROUPS", help="Groups of B, where they are not those of A."
)
@options.file_option(
    "--targets",
    metavar="TARGETS",
    help="Continuous targets of a regression (adds nrc1): their number, files, or a column of A.",
)
@options.reading_options
@click.option(
    "--paired/--unpaired",
    default=None,
    help="Row i is the same sample in both, or is not; by default where numbers and labels agree.",
)
@options.file_option(
    "--id",
    "ids",
    metavar="COLUMN",
    help="Pair the rows by their ids: a column of A and B, or a file of ids. Rows that both have "
    "are compared.",
)
@options.file_option(
    "--id-b", "ids_b", metavar="COLUMN", help="Ids of B, where they are not those of A."
)
@click.option("--moved", default=10, show_default=True, help="Pairs that moved most to name.")
@options.definition_options
@options.engine_options
@options.file_option(
    "--checkpoint",
    metavar="FILE",
    help="Keep what is done in FILE.a and FILE.b; the same command goes on from there.",
)
@options.output_options
@click.option(
    "--fail-on-worse",
    multiple=True,
    metavar="METRIC",
    shell_complete=options.complete_metrics,
    help="Exit with 1 where this number became worse beyond noise, or where noise is not known and "
    "it looks worse. Repeatable.",
)
def compare(
    a: str,
    b: str,
    labels: str | None,
    labels_b: str | None,
    moved: int,
    html_out: str | None,
    json_out: str | None,
    fail_on_worse: tuple[str, ...],
    **given: Any,
) -> int:
    """Compare embeddings A and B: what changed, and whether it is real.

    Two checkpoints, two models, two layers; or two reports saved by `gramax audit --json`.
    """
    saved = [f"{given['checkpoint']}.{side}" for side in "ab"] if given["checkpoint"] else []
    beside = [given[name] for name in ("ids", "ids_b", "groups", "groups_b")]
    check_outputs([json_out, html_out, *saved], a, b, labels, labels_b, *beside)

    from gramax.decide.comparison import compare as run
    from gramax.decide.comparison import compare_saved
    from gramax.metrics.names import full_name

    saved_reports = a.lower().endswith(".json") and b.lower().endswith(".json")
    if not saved_reports:
        for name in fail_on_worse:
            full_name(name, options.audited_metrics(*["codes"] * given["codes"]), "--fail-on-worse")
    if saved_reports:
        found = compare_saved(a, b)
    else:
        with showing(sides=2) as progress:
            known = options.as_arguments(given)
            found = run(a, b, labels, labels_b, moved=max(moved, 1), progress=progress, **known)
    asked = [full_name(name, found, "--fail-on-worse") for name in fail_on_worse]
    worse = [_worse(name, found[name]) for name in asked]
    return leave(found, json_out, html_out, worse)


def _worse(name: str, change: Change) -> str | None:
    """That a number became worse, or may have: a gate that cannot tell does not let pass."""
    from gramax.audits.thresholds import SURE
    from gramax.decide.comparison.changes import turn

    moved = f"{change.before:.6g} to {change.after:.6g}"
    worse = turn(name, change.difference) == "worse"
    if worse and abs(change.z) > SURE:  # one number that was chosen beforehand, not one of many
        return f"{name} became worse, {moved}"
    same = math.isclose(change.before, change.after, rel_tol=ROUNDING)
    if change.kind == "unknown" and not same and turn(name, change.difference) != "better":
        return f"{name} went from {moved}, and whether that is real is not known: {change.reason}"
    return None
