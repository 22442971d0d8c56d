"""`gramax bounds`: the floors of a codebook, side by side."""

from __future__ import annotations

import json

import click

from gramax.cli.codes import OK
from gramax.errors import InputError


@click.command()
@click.argument("c", type=click.IntRange(min=1))
@click.argument("d", type=click.IntRange(min=1))
@click.option("--field", type=click.Choice(["real", "complex"]), default="real")
@click.option("--signed", is_flag=True, help="Bound the largest cosine, not the largest |cosine|.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bounds(c: int, d: int, field: str, signed: bool, as_json: bool) -> int:
    """Every lower bound on the coherence of C codes in D dimensions, and the largest."""
    check_asked(c, d, field, signed)
    from gramax.frames import all_bounds, coherence_floor

    floor = coherence_floor(c, d, field, signed)
    rows = all_bounds(c, d, field, signed)
    if as_json:
        data = {"c": c, "d": d, "field": field, "signed": signed, "floor": vars(floor)}
        click.echo(json.dumps(data | {"bounds": [vars(row) for row in rows]}, indent=2))
    else:
        from gramax.render import terminal

        terminal.show_bounds(floor, rows)
    return OK


def check_asked(c: int, d: int, field: str, signed: bool) -> None:
    """Raise `InputError` for numbers too large for bounds, and for complex codes with a sign."""
    from gramax.frames.bounds import sizes

    try:
        sizes.counts(c, d)
    except ValueError as error:
        raise InputError(str(error)) from None
    if signed and field == "complex":
        raise InputError("--signed is for real codes: complex ones have no signed cosine")
