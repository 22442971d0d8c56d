"""`gramax figures`: the five pictures."""

from __future__ import annotations

import click

from gramax._optional import need
from gramax.cli.codes import CROSSED, OK
from gramax.cli.completing import folders, picture_names


@click.command()
@click.option(
    "--out",
    default="figures",
    show_default=True,
    shell_complete=folders,
    help="Folder for the pictures.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    shell_complete=picture_names,
    help="One picture by name. Repeatable.",
)
def figures(out: str, only: tuple[str, ...]) -> int:
    """Draw the five pictures, each descent validated against theory first."""
    need("jax", "drawing the five pictures", extra="demo")
    from gramax.render.figures import FiguresError
    from gramax.render.figures import figures as draw

    try:
        checks = draw(out, only or None, progress=click.echo)
    except FiguresError as error:
        click.echo(f"failed: {error}", err=True)
        return CROSSED
    for check in checks:
        click.echo(str(check))
    return OK
