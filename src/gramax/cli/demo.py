"""`gramax demo`: a network whose classes collapse, from training to audit."""

from __future__ import annotations

import click

from gramax._optional import need
from gramax.cli.codes import OK
from gramax.cli.completing import folders


@click.command()
@click.option(
    "--out",
    default="demo",
    show_default=True,
    shell_complete=folders,
    help="Folder for what it leaves.",
)
@click.option("--epochs", default=300, show_default=True, help="Passes over the digits.")
@click.option("--seed", default=0, show_default=True, help="Of the weights and the batches.")
def demo(out: str, epochs: int, seed: int) -> int:
    """Train a network on handwritten digits and audit it as its classes collapse."""
    need("jax", "the demo", extra="demo")
    from gramax.render import terminal
    from gramax.training.demo import check, run

    check(out)
    click.echo(terminal.DEMO_HEADING)
    report = run(
        out,
        epochs=epochs,
        seed=seed,
        progress=lambda shot: click.echo(terminal.demo_line(shot.record, shot.cosines)),
    )
    click.echo()
    terminal.show(report)
    click.echo(f"\n{out}/ holds the embeddings, run.jsonl, report.json and demo.gif.")
    return OK
