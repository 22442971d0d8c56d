"""`gramax audit`: a file in, a report out, an exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gramax.cli.codes import CROSSED, OK
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.auditing import Progress


@click.command()
@click.argument("embeddings")
@click.option("--labels", metavar="LABELS", help="A file of labels, or a column of EMBEDDINGS.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--codes", is_flag=True, help="The rows are a codebook: one vector a class.")
@click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere.")
@click.option("--worst", default=5, show_default=True, help="Worst pairs of classes to name.")
@click.option(
    "--explain",
    is_flag=True,
    help="Every number with its error bar and what chance gives; takes some seconds more.",
)
@click.option(
    "--weighting",
    type=click.Choice(["sample", "macro"]),
    default="sample",
    show_default=True,
    help="Weigh every row alike, or every class.",
)
@click.option(
    "--deviation",
    type=click.Choice(["population", "sample"]),
    default="population",
    show_default=True,
    help="Deviations over K classes divide by K, or by K-1.",
)
@click.option(
    "--center",
    type=click.Choice(["global", "none"]),
    default="global",
    show_default=True,
    help="Take class means and spectra about the global mean, or from the origin.",
)
@click.option("--json", "json_out", metavar="OUT", help="Write the report as JSON (- for stdout).")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CONDITION",
    help='Exit with 1 where it holds, e.g. "effective_rank<50". Repeatable.',
)
def audit(
    embeddings: str,
    labels: str | None,
    column: str | None,
    codes: bool,
    raw: bool,
    worst: int,
    explain: bool,
    json_out: str | None,
    fail_on: tuple[str, ...],
    **options: Any,
) -> int:
    """Audit a file of EMBEDDINGS (.npy, .npz, .safetensors, .parquet)."""
    from gramax import thresholds

    conditions = [thresholds.parse(text) for text in fail_on]
    json_file = None if json_out == "-" else json_out
    if json_file:
        _check_output(json_file, embeddings, labels)

    from gramax.auditing import audit as run
    from gramax.options import Options
    from gramax.render import terminal

    with _progress() as progress:
        report = run(
            embeddings,
            labels,
            codes=codes,
            raw=raw,
            column=column,
            worst=max(worst, 1),
            explain=explain,
            options=Options(**options),
            progress=progress,
        )
    thresholds.check_names(conditions, report)
    if json_out == "-":
        click.echo(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        terminal.show(report)
    if json_file:
        _write_json(json_file, report.to_dict())
    broken = [words for words in (c.broken_by(report) for c in conditions) if words]
    for words in broken:
        click.echo(f"failed: {words}", err=True)
    return CROSSED if broken else OK


def _check_output(path: str, *inputs: str | None) -> None:
    from gramax.files import check_writable

    check_writable(path)
    if os.path.exists(path):
        for given in filter(None, inputs):
            if os.path.exists(given) and os.path.samefile(path, given):
                raise InputError(f"{path}: is an input of this audit and is not written over")


def _write_json(path: str, data: dict[str, Any]) -> None:
    from gramax.files import write_text

    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A progress bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.completed:,.0f} rows"))
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
