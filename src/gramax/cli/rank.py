"""`gramax rank`: which of many layers, checkpoints or models to take."""

from __future__ import annotations

from typing import Any

import click

from gramax.cli.options import (
    as_execution,
    complete_metrics,
    engine_options,
    file_argument,
    file_option,
    output_options,
    reading_options,
)
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing


@click.command()
@file_argument("sources", nargs=-1, required=True)
@file_option("--labels", metavar="LABELS", help="Files of labels, or a column of the SOURCES.")
@click.option(
    "--by",
    metavar="NAME",
    shell_complete=complete_metrics,
    help="probe, nearest_mean, nearest_neighbour (accuracy on held-out rows), or a number of the "
    "audit.  [default: probe]",
)
@click.option(
    "--each", metavar="PATTERN", help="Rank all arrays or columns of that kind, as 'layer_*'."
)
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere.")
@reading_options
@engine_options
@output_options
def rank(
    sources: tuple[str, ...],
    labels: str | None,
    html_out: str | None,
    json_out: str | None,
    **given: Any,
) -> int:
    """Which of many layers, checkpoints or models of the same rows to take.

    Row i is the same sample in all SOURCES. Differences are called real with all pairs in mind.
    """
    check_outputs([json_out, html_out], *sources, labels)

    from gramax.decide.rank import rank as run

    with showing() as progress:
        found = run(list(sources), labels, progress=progress, **as_execution(given))
    return leave(found, json_out, html_out)
