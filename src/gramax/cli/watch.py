"""`gramax watch`: a training run as it goes, in the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from gramax.cli.codes import OK
from gramax.cli.completing import files
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.audits.run_log import Entry
    from gramax.audits.run_reader import Follower


@click.command()
@click.argument("run", shell_complete=files)
@click.option("--once", is_flag=True, help="Show how it stands, and end.")
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.05),
    help="Seconds between looks at the file.",
)
def watch(run: str, once: bool, every: float) -> int:
    """Follow a run log (.jsonl): the course of every headline number, its floor, the verdict.

    Waits for RUN where it is not there yet. Ctrl-C ends it.
    """
    from rich.console import Console
    from rich.live import Live

    from gramax.audits.run_reader import Follower
    from gramax.render.run_watch import run_overview

    follower, runs = Follower(run), dict[str, list["Entry"]]()
    if once and not follower.exists():
        raise InputError(f"{run}: there is no such file")
    _take(follower, runs)
    if once:
        Console().print(run_overview(run, runs))
        return OK
    with Live(run_overview(run, runs), auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            time.sleep(every)
            if _take(follower, runs):
                live.update(run_overview(run, runs), refresh=True)


def _take(follower: Follower, runs: dict[str, list[Entry]]) -> bool:
    """Add the new audits to the runs by the name of their rows; whether there were any."""
    from gramax.audits.run_log import add_in_order

    before = follower.restarts
    new = follower.poll()
    if follower.restarts != before:
        runs.clear()
    for entry in new:
        add_in_order(runs.setdefault(entry.name, []), entry)
    return bool(new)
