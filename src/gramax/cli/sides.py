"""`gramax sides`: two sides of one space in, whether to centre each of them out."""

from __future__ import annotations

import json
from typing import Any

import click

from gramax.cli.options import (
    as_execution,
    engine_options,
    file_argument,
    file_option,
    output_options,
)
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing


@click.command()
@file_argument("a")
@file_argument("b")
@file_option(
    "--pairs",
    metavar="PAIRS",
    help="Numbers [p, 2] of a row of A and a row of B that match.  [default: row i and row i]",
)
@file_option(
    "--labels",
    metavar="LABELS",
    help="Rows with the same label match: files of labels, or a column, for A and B.",
)
@file_option("--labels-b", metavar="LABELS", help="Those of B, where they are others.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@file_option(
    "--save-centres", metavar="OUT", help="Write the centroids to subtract (.safetensors)."
)
@engine_options
@output_options
def sides(
    a: str,
    b: str,
    pairs: str | None,
    labels: str | None,
    labels_b: str | None,
    save_centres: str | None,
    html_out: str | None,
    json_out: str | None,
    **given: Any,
) -> int:
    """Two sides of one space: would centring each help search?

    A and B are images and texts, queries and a corpus, or two views: files, or file::column.
    """
    check_outputs([json_out, html_out, save_centres], a, b, pairs, labels, labels_b)

    from gramax._files import write_safetensors
    from gramax.decide.sides import sides as run

    with showing() as progress:
        found = run(a, b, labels, labels_b, pairs=pairs, progress=progress, **as_execution(given))
    if save_centres:
        arrays = dict(zip("ab", found.centres, strict=True))
        write_safetensors(save_centres, arrays, {"normalize": json.dumps(True)})
    return leave(found, json_out, html_out)
