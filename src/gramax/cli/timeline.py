"""`gramax timeline`: the story of training runs as a picture, a film or a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gramax.cli.codes import OK
from gramax.cli.completing import files
from gramax.cli.outputs import check_output
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.audits.run_log import Entry


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=files)
@click.option(
    "--out", default="timeline.png", show_default=True, metavar="FILE", shell_complete=files
)
@click.option("--rows", metavar="NAME", help='Only audits of these rows, e.g. "val".')
@click.option("--title", default="How the space changed", show_default=True)
def timeline(runs: tuple[str, ...], out: str, rows: str | None, title: str) -> int:
    """Draw run logs (.jsonl) over training: collapse, rank, simplex, crosstalk and their floors.

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


def short_names(paths: tuple[str, ...]) -> list[str]:
    """Names of files without their ending; with folders in front as far as they differ.

    Example:
        >>> short_names(("a/run.jsonl", "b/run.jsonl"))
        ['a/run', 'b/run']
    """
    parts = [Path(path).absolute().with_suffix("").parts for path in paths]
    for take in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-take:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise InputError(f"the same run is named twice: {', '.join(paths)}")
