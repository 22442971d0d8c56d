"""`gramax metrics`: what the numbers are."""

from __future__ import annotations

import click

from gramax.cli.codes import OK
from gramax.cli.completing import metric_names
from gramax.errors import InputError


@click.command()
@click.argument("name", required=False, shell_complete=metric_names)
def metrics(name: str | None) -> int:
    """List the metrics, or tell all about the one called NAME."""
    from rich.console import Console

    from gramax.metrics.registry import METRICS
    from gramax.render import terminal

    console = Console()
    if name is None:
        console.print(terminal.metric_list())
    elif name in METRICS:
        console.print(terminal.metric_page(METRICS[name]))
    else:
        raise InputError(f"no metric {name!r}; `gramax metrics` lists them")
    return OK
