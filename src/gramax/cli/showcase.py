"""`gramax metrics`, `gramax demo` and `gramax figures`: what gramax shows without data of yours."""

from __future__ import annotations

import click

from gramax._optional import need
from gramax.cli.options import CROSSED, OK, complete_folders, complete_metrics, complete_pictures


@click.command()
@click.argument("name", required=False, shell_complete=complete_metrics)
def metrics(name: str | None) -> int:
    """List the metrics, or tell all about the one called NAME."""
    from rich.console import Console

    from gramax.metrics.names import full_name
    from gramax.metrics.registry import METRICS
    from gramax.render import terminal

    if name is None:
        Console().print(terminal.metric_list())
        return OK
    known = [metric.name for metric in METRICS.everything()]
    Console().print(terminal.metric_page(METRICS[full_name(name, known)]))
    return OK


@click.command()
@click.option(
    "--out",
    default="demo",
    show_default=True,
    shell_complete=complete_folders,
    help="Folder for what the demo leaves.",
)
@click.option("--epochs", default=300, show_default=True, help="Passes over the digits.")
@click.option(
    "--seed", default=0, show_default=True, help="The seed of the weights and the batches."
)
def demo(out: str, epochs: int, seed: int) -> int:
    """Train a network on handwritten digits and audit it as its classes collapse."""
    need("jax", "the demo", extra="demo")
    from gramax.cli.digits_demo import HEADING, check, run
    from gramax.render import terminal

    check(out)
    click.echo(HEADING)
    report = run(out, epochs=epochs, seed=seed, progress=click.echo)
    click.echo()
    terminal.show(report)
    click.echo(f"\n{out}/ holds the embeddings, run.jsonl, report.json and demo.gif.")
    return OK


@click.command()
@click.option(
    "--out",
    default="figures",
    show_default=True,
    shell_complete=complete_folders,
    help="Folder for the pictures.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_pictures,
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
