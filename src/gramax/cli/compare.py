"""`gramax compare`: two files in, what changed out, an exit code."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from gramax.cli.codes import CROSSED, OK
from gramax.cli.completing import files, metric_names
from gramax.cli.outputs import check_outputs, write_found
from gramax.cli.progress import showing
from gramax.cli.reading import definition_options, engine_options, row_options

if TYPE_CHECKING:
    from gramax.comparison import Comparison
    from gramax.comparison.results import Change


ROUNDING = 1e-6
"""Relative difference of two numbers that are one but for rounding in float32."""


@click.command()
@click.argument("a", shell_complete=files)
@click.argument("b", shell_complete=files)
@click.option(
    "--labels",
    metavar="LABELS",
    shell_complete=files,
    help="Files of labels, or a column, for A and B.",
)
@click.option(
    "--labels-b", metavar="LABELS", shell_complete=files, help="Those of B, where they are others."
)
@row_options
@click.option(
    "--paired/--unpaired",
    default=None,
    help="Row i is the same sample in both, or is not; by default where numbers and labels agree.",
)
@click.option("--moved", default=10, show_default=True, help="Pairs that moved most to name.")
@definition_options
@engine_options
@click.option(
    "--checkpoint",
    metavar="FILE",
    shell_complete=files,
    help="Keep what is done in FILE.a and FILE.b; the same command goes on from there.",
)
@click.option(
    "--html",
    "html_out",
    metavar="OUT",
    shell_complete=files,
    help="Write the comparison as one HTML file.",
)
@click.option(
    "--json",
    "json_out",
    metavar="OUT",
    shell_complete=files,
    help="Write it as JSON (- for stdout).",
)
@click.option(
    "--fail-on-worse",
    multiple=True,
    metavar="METRIC",
    shell_complete=metric_names,
    help="Exit with 1 where this number became worse beyond noise, or where noise is not known and "
    "it looks worse. Repeatable.",
)
def compare(
    a: str,
    b: str,
    labels: str | None,
    labels_b: str | None,
    column: str | None,
    codes: bool,
    raw: bool,
    paired: bool | None,
    moved: int,
    html_out: str | None,
    json_out: str | None,
    fail_on_worse: tuple[str, ...],
    engine: Any,
    workers: int | None,
    engine_address: str | None,
    checkpoint: str | None,
    skip_bad: bool,
    **options: Any,
) -> int:
    """Compare embeddings A and B: what changed, and whether it is real.

    Two checkpoints, two models, two layers; or two reports saved by `gramax audit --json`.
    """
    saved = [f"{checkpoint}.{side}" for side in "ab"] if checkpoint else []
    json_file = None if json_out == "-" else json_out
    check_outputs([json_file, html_out, *saved], a, b, labels, labels_b)

    from gramax.comparison import compare as run
    from gramax.comparison import compare_saved
    from gramax.metrics.options import Options
    from gramax.streaming import Execution

    if a.lower().endswith(".json") and b.lower().endswith(".json"):
        found = compare_saved(a, b)
    else:
        with showing(sides=2) as progress:
            found = run(
                a,
                b,
                labels,
                labels_b,
                paired=paired,
                codes=codes,
                raw=raw,
                column=column,
                moved=max(moved, 1),
                options=Options(**options),
                progress=progress,
                execution=Execution(engine, workers, engine_address, checkpoint, skip_bad),
            )
    return _leave(found, html_out, json_out, fail_on_worse)


def _leave(
    found: Comparison, html_out: str | None, json_out: str | None, fail_on: tuple[str, ...]
) -> int:
    """Print, write, and tell what became worse."""
    from gramax.cli.thresholds import full_name
    from gramax.render import terminal

    asked = [full_name(name, found, f"--fail-on-worse {name}") for name in fail_on]
    if json_out == "-":
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        terminal.show_comparison(found)

    def page() -> str:
        from gramax.render.page import comparison_page

        return comparison_page(found)

    with showing() as progress:
        progress("drawing", 0, 1, 0)
        write_found(found.to_dict(), page, None if json_out == "-" else json_out, html_out)
    failed = [words for words in (_failed(name, found[name]) for name in asked) if words]
    for words in failed:
        click.echo(f"failed: {words}", err=True)
    return CROSSED if failed else OK


def _failed(name: str, change: Change) -> str | None:
    """That a number became worse, or may have: a gate that cannot tell does not let pass."""
    from gramax.comparison.changes import turn

    moved = f"{change.before:.6g} to {change.after:.6g}"
    if change.kind == "worse":
        return f"{name} became worse, {moved}"
    same = math.isclose(change.before, change.after, rel_tol=ROUNDING)
    if change.kind == "unknown" and not same and turn(name, change.difference) != "better":
        return f"{name} went from {moved}, and whether that is real is not known: {change.reason}"
    return None
