"""`gramax audit`: a file in, a report out, an exit code."""

from __future__ import annotations

import json
from typing import Any

import click

from gramax.cli.codes import CROSSED, OK
from gramax.cli.completing import files, metric_names
from gramax.cli.outputs import check_outputs, write_found
from gramax.cli.progress import showing
from gramax.cli.reading import definition_options, engine_options, row_options


@click.command()
@click.argument("embeddings", nargs=-1, required=True, shell_complete=files)
@click.option(
    "--labels",
    metavar="LABELS",
    shell_complete=files,
    help="Files of labels, or a column of EMBEDDINGS.",
)
@row_options
@click.option("--worst", default=5, show_default=True, help="Worst pairs of classes to name.")
@click.option(
    "--explain",
    is_flag=True,
    help="Every number with its error bar and what chance gives; takes some seconds more.",
)
@click.option(
    "--headroom/--no-headroom",
    default=None,
    help="Search for how low the worst crosstalk could be; takes up to a minute for many classes."
    "  [default: looked up where it is known]",
)
@definition_options
@engine_options
@click.option(
    "--checkpoint",
    metavar="FILE",
    shell_complete=files,
    help="Keep what is done in FILE; the same command goes on from there.",
)
@click.option(
    "--json",
    "json_out",
    metavar="OUT",
    shell_complete=files,
    help="Write the report as JSON (- for stdout).",
)
@click.option(
    "--html",
    "html_out",
    metavar="OUT",
    shell_complete=files,
    help="Write the report as one HTML file.",
)
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CONDITION",
    shell_complete=metric_names,
    help='Exit with 1 where it holds, e.g. "effective_rank<50". Repeatable.',
)
def audit(
    embeddings: tuple[str, ...],
    labels: str | None,
    column: str | None,
    codes: bool,
    raw: bool,
    worst: int,
    explain: bool,
    headroom: bool | None,
    json_out: str | None,
    html_out: str | None,
    fail_on: tuple[str, ...],
    engine: Any,
    workers: int | None,
    engine_address: str | None,
    checkpoint: str | None,
    skip_bad: bool,
    **options: Any,
) -> int:
    """Audit EMBEDDINGS: files, folders, patterns or addresses, whatever their size."""
    from gramax.cli import thresholds

    conditions = [thresholds.parse(text) for text in fail_on]
    json_file = None if json_out == "-" else json_out
    check_outputs([json_file, html_out, checkpoint], *embeddings, labels)

    from gramax.audits.audit import audit as run
    from gramax.metrics.options import Options
    from gramax.render import search_progress, terminal
    from gramax.streaming import Execution

    with showing(explain=explain) as progress:
        report = run(
            embeddings[0] if len(embeddings) == 1 else list(embeddings),
            labels,
            codes=codes,
            raw=raw,
            column=column,
            worst=max(worst, 1),
            explain=explain,
            headroom=headroom,
            searching=search_progress.occasional_lines("headroom"),
            portrait=bool(html_out),
            options=Options(**options),
            progress=progress,
            execution=Execution(engine, workers, engine_address, checkpoint, skip_bad),
        )
    conditions = thresholds.named(conditions, report)
    if json_out == "-":
        click.echo(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        terminal.show(report)

    def page() -> str:
        from gramax.render.page import audit_page

        return audit_page(report)

    with showing() as progress:
        progress("drawing", 0, 1, 0)
        write_found(report.to_dict(), page, json_file, html_out)
    broken = [words for words in (c.broken_by(report) for c in conditions) if words]
    for words in broken:
        click.echo(f"failed: {words}", err=True)
    return CROSSED if broken else OK
