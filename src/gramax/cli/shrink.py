"""`gramax shrink`: how few bytes a row will do."""

from __future__ import annotations

from typing import Any

import click

from gramax.cli.options import (
    as_execution,
    engine_options,
    file_argument,
    file_option,
    one_or_all,
    output_options,
    reading_options,
)
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing

QUALITIES = ("recall", "nearest_neighbour", "nearest_mean", "probe")


@click.command()
@file_argument("embeddings", nargs=-1, required=True)
@file_option("--labels", metavar="LABELS", help="Files of labels, or a column of EMBEDDINGS.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--raw", is_flag=True, help="Compare rows as they are by distance, not by cosine.")
@click.option(
    "--loss",
    default=0.01,
    show_default=True,
    help="How much of the quality may be lost: the end of its interval is held to that.",
)
@click.option(
    "--by",
    type=click.Choice(QUALITIES),
    help="The quality that decides.  [default: nearest_neighbour with labels, else recall]",
)
@reading_options
@engine_options
@output_options
def shrink(
    embeddings: tuple[str, ...],
    labels: str | None,
    html_out: str | None,
    json_out: str | None,
    **given: Any,
) -> int:
    """How few bytes a row will do: fewer dimensions, float16, int8, bits.

    Each way is searched by the same rows, and what it loses is told with an interval.
    """
    check_outputs([json_out, html_out], *embeddings, labels)

    from gramax.decide.shrink import shrink as run

    source = one_or_all(embeddings)
    with showing() as progress:
        found = run(source, labels, progress=progress, **as_execution(given))
    return leave(found, json_out, html_out)
