"""`gramax audit`: a file in, a report out, an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from gramax.cli import options
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.cli.thresholds import Threshold


ATTACHED = {"classifier": "head", "pairs": "pairs", "outliers": "outliers"}
"""The option that gives what a metric needs beside the rows."""


def _check_attached(threshold: Threshold, given: dict[str, Any]) -> None:
    """Raise `InputError` where a threshold is on a number of something that is not given."""
    from gramax.metrics.registry import METRICS

    for need, option in ATTACHED.items():
        if need in METRICS[threshold.metric].needs and not given[option]:
            raise InputError(f"--fail-on {threshold}: {threshold.metric} needs --{option} FILE")


@click.command()
@options.embeddings_argument
@options.labels_option
@options.row_options
@options.reading_options
@options.file_option(
    "--head",
    metavar="W",
    help="Weights [classes, dimensions] of a linear classifier, to hold against the class means "
    "(NC3, NC4): a file, or file::fc.weight. A row a class, in the order of the names of the "
    "classes: numbers by size, texts by the alphabet.",
)
@options.file_option(
    "--bias",
    metavar="B",
    help="Its bias [classes].  [default: what lies beside the weights in their file]",
)
@options.file_option(
    "--pairs",
    metavar="OTHER",
    help="The other row of each positive pair, row i with row i (alignment): files, as EMBEDDINGS.",
)
@options.file_option(
    "--outliers", metavar="OOD", help="Rows that belong to no class (NC5): files, as EMBEDDINGS."
)
@options.file_option(
    "--targets",
    metavar="TARGETS",
    help="Continuous targets of a regression (adds nrc1): their number, files, or a column.",
)
@click.option("--worst", default=5, show_default=True, help="Worst pairs of classes to name.")
@click.option(
    "--explain",
    is_flag=True,
    help="Every number with its error bar and what chance gives; takes some seconds more.",
)
@click.option(
    "--probe/--no-probe",
    default=True,
    help="Measure on held-out rows how often they get their class.  [default: with labels]",
)
@options.file_option(
    "--save-head", metavar="OUT", help="Write the linear probe of all rows (.safetensors)."
)
@click.option(
    "--headroom/--no-headroom",
    default=None,
    help="Search for how low the worst crosstalk could be; takes up to a minute for many classes."
    "  [default: looked up where it is known]",
)
@options.definition_options
@options.engine_options
@options.file_option(
    "--checkpoint",
    metavar="FILE",
    help="Keep what is done in FILE; the same command goes on from there.",
)
@options.output_options
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CONDITION",
    shell_complete=options.complete_metrics,
    help='Exit with 1 where it holds, e.g. "effective_rank<50". Repeatable.',
)
def audit(
    embeddings: tuple[str, ...],
    labels: str | None,
    worst: int,
    json_out: str | None,
    html_out: str | None,
    save_head: str | None,
    fail_on: tuple[str, ...],
    **given: Any,
) -> int:
    """Audit EMBEDDINGS: files, folders, patterns or addresses, whatever their size."""
    from gramax.cli import thresholds

    conditions = [thresholds.parse(text) for text in fail_on]
    if conditions:
        conditions = thresholds.named(
            conditions, options.audited_metrics(*ATTACHED, *["codes"] * given["codes"])
        )
        for one in conditions:
            _check_attached(one, given)
    read = (labels, *(given[name] for name in (*ATTACHED.values(), "bias", "groups")))
    check_outputs([json_out, html_out, save_head, given["checkpoint"]], *embeddings, *read)

    from gramax.audits.audit import audit as run
    from gramax.render import search_progress

    with showing(explain=given["explain"]) as progress:
        report = run(
            options.one_or_all(embeddings),
            labels,
            worst=max(worst, 1),
            searching=search_progress.occasional_lines("headroom"),
            portrait=bool(html_out),
            progress=progress,
            **options.as_arguments(given),
        )
    if save_head:
        if report.worth is None:
            raise InputError("--save-head needs --labels with two classes of several rows")
        from gramax._files import write_safetensors

        head = report.worth.head
        classes = json.dumps([view.name for view in report.classes])
        about = {"classes": classes, "normalize": json.dumps(head.normalize)}
        write_safetensors(save_head, {"weights": head.weights, "bias": head.bias}, about)
    broken = [one.broken_by(report) for one in conditions]
    return leave(report, json_out, html_out, broken)
