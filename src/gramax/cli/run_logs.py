"""`gramax timeline` and `gramax watch`: training runs, from their logs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gramax.cli.options import OK, file_argument, file_option
from gramax.cli.outputs import check_output
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.audits.run_log import Entry


@click.command()
@file_argument("runs", nargs=-1, required=True, metavar="RUN...")
@file_option("--out", default="timeline.png", show_default=True, metavar="FILE")
@click.option("--rows", metavar="NAME", help='Only audits of these rows, e.g. "val".')
@click.option("--title", default="How the space changed", show_default=True)
def timeline(runs: tuple[str, ...], out: str, rows: str | None, title: str) -> int:
    """Draw run logs (.jsonl) over training, one picture for each question.

    Collapse, rank, simplex and crosstalk, with their floors.

    FILE ends in .png, .gif or .html; several runs are laid over each other.
    """
    kind = Path(out).suffix.lower()
    if kind not in (".png", ".gif", ".html"):
        raise InputError(f"--out {out}: ends in none of .png, .gif, .html")
    check_output(out, *runs)

    from gramax.render import timelines

    tracks = timelines.tracks_of(_labelled(runs, rows))
    timelines.WRITERS[kind](tracks, out, title)
    audits = sum(len(track.entries) for track in tracks)
    click.echo(f"{out}: {audits} audits of {', '.join(track.label for track in tracks)}")
    return OK


def _labelled(paths: tuple[str, ...], rows: str | None) -> dict[str, list[Entry]]:
    """The audits of every run by the shortest name that tells the runs apart."""
    from gramax.audits.run_reader import read_runs
    from gramax.decide.layers import short_names

    found: dict[str, list[Entry]] = {}
    for path, label in zip(paths, short_names(paths), strict=True):
        run = read_runs(path)
        if rows is not None and rows not in run:
            held = ", ".join(repr(name) for name in run)
            raise InputError(f"{path}: holds no audit of rows {rows!r}; it has {held}")
        for name, entries in run.items():
            if rows is None or name == rows:
                found[f"{label} {name}".strip() if len(run) > 1 else label] = entries
    return found


@click.command()
@file_argument("run")
@click.option("--once", is_flag=True, help="Show how it stands, and end.")
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.05),
    help="Seconds between looks at the file.",
)
def watch(run: str, once: bool, every: float) -> int:
    """Follow a run log (.jsonl) as it grows.

    It shows the course of every headline number, its floor, and the verdict.
    Waits for RUN where it is not there yet. Ctrl-C ends it.
    """
    from rich.console import Console
    from rich.live import Live

    from gramax.audits.run_log import add_in_order
    from gramax.audits.run_reader import Follower
    from gramax.render.run_watch import run_overview

    follower, runs = Follower(run), dict[str, list["Entry"]]()

    def look() -> bool:
        """Add the new audits to the runs, by the name of their rows; whether there were any."""
        before, new = follower.restarts, follower.poll()
        if follower.restarts != before:
            runs.clear()
        for entry in new:
            add_in_order(runs.setdefault(entry.name, []), entry)
        return bool(new)

    if once and not follower.exists():
        raise InputError(f"{run}: there is no such file")
    look()
    if once:
        Console().print(run_overview(run, runs))
        return OK
    with Live(run_overview(run, runs), auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            time.sleep(every)
            if look():
                live.update(run_overview(run, runs), refresh=True)
