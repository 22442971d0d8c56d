"""`gramax compare`: two files in, what changed out, an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gramax.cli.codes import CROSSED, OK
from gramax.cli.outputs import check_output, write_json
from gramax.cli.progress import showing
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.comparing import Comparison


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--labels", metavar="LABELS", help="Files of labels, or a column, for A and B.")
@click.option("--labels-b", metavar="LABELS", help="Those of B, where they are others.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--codes", is_flag=True, help="The rows are codebooks: one vector a class.")
@click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere.")
@click.option(
    "--paired/--unpaired",
    default=None,
    help="Row i is the same sample in both, or is not; by default where numbers and labels agree.",
)
@click.option("--moved", default=10, show_default=True, help="Pairs that moved most to name.")
@click.option("--html", "html_out", metavar="OUT", help="Write the comparison as one HTML file.")
@click.option("--json", "json_out", metavar="OUT", help="Write it as JSON (- for stdout).")
@click.option(
    "--fail-on-worse",
    multiple=True,
    metavar="METRIC",
    help="Exit with 1 where this number became worse beyond noise. Repeatable.",
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
) -> int:
    """Compare embeddings A and B: what changed, and whether it is real.

    Two checkpoints, two models, two layers; or two reports saved by `gramax audit --json`.
    """
    for out in (html_out, None if json_out == "-" else json_out):
        if out:
            check_output(out, a, b, labels, labels_b)

    from gramax.comparing import compare as run
    from gramax.comparing import compare_saved

    if a.lower().endswith(".json") and b.lower().endswith(".json"):
        found = compare_saved(a, b)
    else:
        with showing() as progress:
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
                progress=progress,
            )
    return _leave(found, html_out, json_out, fail_on_worse)


def _leave(
    found: Comparison, html_out: str | None, json_out: str | None, fail_on: tuple[str, ...]
) -> int:
    """Print, write, and tell what became worse."""
    from gramax.render import comparison

    if unknown := [name for name in fail_on if name not in found]:
        known = ", ".join(found)
        raise InputError(f"--fail-on-worse {unknown[0]}: no such number here; there are {known}")
    if json_out == "-":
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        comparison.show(found)
    if json_out and json_out != "-":
        write_json(json_out, found.to_dict())
    if html_out:
        from gramax.files import write_text
        from gramax.render.page import comparison_page

        write_text(html_out, comparison_page(found))
    worse = [name for name in fail_on if found[name].kind == "worse"]
    for name in worse:
        before, after = found[name].before, found[name].after
        click.echo(f"failed: {name} became worse, {before:.6g} to {after:.6g}", err=True)
    return CROSSED if worse else OK
