"""`gramax threshold`: labelled rows in, the cosine that means "same" out."""

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


@click.command()
@file_argument("embeddings", nargs=-1, required=True)
@file_option("--labels", metavar="LABELS", help="Files of labels, or the name of a column.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option(
    "--accepts",
    type=float,
    metavar="RATE",
    help="The share of different pairs that may pass, such as 1e-3; by default as large a share as "
    "that of the same pairs that fail.",
)
@file_option(
    "--merge-out", metavar="OUT", help="Write the classes to merge, or to look at (.csv, .json)."
)
@reading_options
@engine_options
@output_options
def threshold(
    embeddings: tuple[str, ...],
    labels: str | None,
    merge_out: str | None,
    html_out: str | None,
    json_out: str | None,
    **given: Any,
) -> int:
    """Find the cosine above which two rows are the same.

    From all pairs of rows of one class and of two: the threshold at equal errors and at rates of
    false accepts, each with its interval, and the classes that make the errors.
    """
    check_outputs([json_out, html_out, merge_out], *embeddings, labels)

    from gramax.decide.mixed_up import check_name
    from gramax.decide.threshold import threshold as run

    if merge_out:
        check_name(merge_out)
    source = one_or_all(embeddings)
    with showing() as progress:
        found = run(source, labels, progress=progress, **as_execution(given))
    if merge_out:
        found.save_merge(merge_out)
    return leave(found, json_out, html_out)
