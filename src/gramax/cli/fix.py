"""`gramax fix` and `gramax apply`: what to do about a space, and doing it to files of any size."""

from __future__ import annotations

from typing import Any

import click

from gramax.cli.options import (
    OK,
    as_execution,
    as_reading,
    engine_options,
    file_argument,
    file_option,
    one_or_all,
    output_options,
    reading_options,
)
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing
from gramax.errors import InputError

USES = ("all", "nearest_neighbour", "nearest_mean", "probe")


@click.command()
@file_argument("embeddings", nargs=-1, required=True)
@file_option("--labels", metavar="LABELS", help="Files of labels, or a column of EMBEDDINGS.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere.")
@click.option(
    "--use",
    type=click.Choice(USES),
    default="all",
    show_default=True,
    help="What is to become better: each use by itself, or one.",
)
@file_option(
    "--out",
    metavar="OUT",
    help="Write the remedy (of the first use that becomes better) as .safetensors, for apply.",
)
@click.option(
    "--remedy", metavar="NAME", help="Write this one to OUT, whatever is recommended: whiten_0.5."
)
@reading_options
@engine_options
@output_options
def fix(
    embeddings: tuple[str, ...],
    out: str | None,
    remedy: str | None,
    html_out: str | None,
    json_out: str | None,
    **given: Any,
) -> int:
    """Whether to centre, cut or whiten EMBEDDINGS, or to leave them as they are.

    Held-out rows decide: a remedy is recommended for a use only if rows that it has not seen get
    their classes more often, beyond noise. Without labels only centring may be.
    """
    if remedy and not out:
        raise InputError("--remedy says what to write: give --out too")
    check_outputs([json_out, html_out, out], *embeddings, given["labels"])

    from gramax.decide.fix import fix as run

    source = one_or_all(embeddings)
    with showing() as progress:
        found = run(source, progress=progress, **as_execution(given))
    transform = found.remedy(remedy) if remedy else found.transform
    if out and transform:
        transform.save(out)
    code = leave(found, json_out, html_out)
    if out and transform:
        click.echo(f"{out}: {transform.name}", err=True)
    elif out:
        click.echo(f"{out}: not written, as nothing is to be changed; --remedy NAME does", err=True)
    return code


@click.command()
@file_argument("transform")
@file_argument("embeddings", nargs=-1, required=True)
@file_option(
    "--out", metavar="OUT", required=True, help="Write .npy, .safetensors or .parquet, by its name."
)
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@reading_options
def apply(transform: str, embeddings: tuple[str, ...], out: str, **given: Any) -> int:
    """Write EMBEDDINGS, of any size and format, after TRANSFORM of gramax fix.

    Corpus and queries must go through the same transform.
    """
    from gramax.decide.application import apply as run
    from gramax.decide.application import check_format

    check_outputs([check_format(out)], transform, *embeddings)
    source = one_or_all(embeddings)
    with showing() as progress:
        done = run(transform, source, out, progress=progress, **as_reading(given))
    click.echo(f"{done.path}: {done.rows:,} rows × {done.dim:,} dimensions")
    return OK
