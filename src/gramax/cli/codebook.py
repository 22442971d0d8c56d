"""`gramax codebook`: the best codes that a formula or descent gives."""

from __future__ import annotations

from typing import Any

import click

from gramax.cli.codes import OK


@click.command()
@click.argument("c", type=click.IntRange(min=1))
@click.argument("d", type=click.IntRange(min=1))
@click.option("--field", type=click.Choice(["real", "complex"]), default="real")
@click.option("--signed", is_flag=True, help="Spread points: least largest cosine, not |cosine|.")
@click.option("--seconds", default=10.0, show_default=True, help="Time to search.")
@click.option("--seed", default=0, show_default=True, help="Of the random starts.")
@click.option("--out", metavar="CODES.npy", help="Write the codes.")
def codebook(
    c: int, d: int, field: str, signed: bool, seconds: float, seed: int, out: str | None
) -> int:
    """Build the best codebook of C codes in D dimensions that a formula or descent gives."""
    from gramax.files import check_writable, write_array
    from gramax.frames import pack

    if out:
        check_writable(out)

    def tell(line: Any) -> None:
        click.echo(f"{line.seconds:6.1f} s  {line.how:<12} gap {line.gap:.3e}", err=True)

    found = pack(c, d, field, signed, seconds=seconds, key=seed, report=tell)
    if out:
        write_array(out, found.codes)
    click.echo(f"coherence {found.coherence:.12f}  gap {found.gap:.3e}  ({found.found})")
    click.echo(f"floor     {found.floor.value:.12f}  {found.floor.bound}")
    click.echo(f"stopped:  {found.stopped}")
    return OK
