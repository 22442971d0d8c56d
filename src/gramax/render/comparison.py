"""A comparison as a table that a person reads at a glance."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gramax.comparison import Change, Comparison
from gramax.comparison.results import Kind
from gramax.data.text import named
from gramax.render.words import KIND_MARKS, headline, number, score

STYLES = {"better": "green", "worse": "red", "changed": "cyan", "same": "", "unknown": "dim"}


def show(found: Comparison, console: Console | None = None) -> None:
    """Print the comparison to the terminal (plain text where the output is a file)."""
    console = console or Console()
    console.print(render(found), width=min(console.width, 110))


def render(found: Comparison) -> RenderableType:
    """The comparison as one rich renderable: what changed, alignment, pairs, notes."""
    parts: list[RenderableType] = [_heading(found), _numbers(found)]
    if found.alignment:
        parts += [Text("\nAlignment of the two spaces", style="bold"), _alignment(found)]
    if found.moved:
        parts += [Text("\nPairs of classes that moved most", style="bold"), _moved(found)]
    notes = "\n".join(f"Note: {note}" for note in found.notes)
    return Group(*parts, Text(f"\n{notes}", style="yellow"))


def _heading(found: Comparison) -> Text:
    text = Text()
    for letter, side in (("A", found.a), ("B", found.b)):
        classes = f"{side.c:,} classes" if side.c else "no labels"
        text.append(f"{letter}  {side.source}", style="bold")
        text.append(f"  {side.n:,} rows × {side.d:,} dimensions · {classes} · {side.kind}\n")
    return text.append(f"\n{headline(found)}\n", style="bold")


def _table(*numeric: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in numeric:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _numbers(found: Comparison) -> Table:
    table = _table("A", "B", "± change", "z")
    table.add_column("", no_wrap=True)
    for name, change in found.items():
        table.add_row(Text(name), *_columns(change), _verdict(change.kind))
    return table


def _columns(change: Change) -> tuple[str, ...]:
    return (
        number(change.before),
        number(change.after),
        f"{change.error:.2g}" if change.error is not None else "–",
        score(change.z),
    )


def _verdict(kind: Kind) -> Text:
    return Text(f"{KIND_MARKS[kind]} {kind}", style=STYLES[kind])


def _alignment(found: Comparison) -> Table:
    table = _table("value", "±", "chance")
    for one in found.alignment:
        error = f"{one.error:.2g}" if one.error is not None else "–"
        table.add_row(one.name, number(one.value), error, number(one.chance.mean))
    return table


def _moved(found: Comparison) -> Table:
    table = _table("A", "B", "change", "±")
    table.columns[0].no_wrap = False
    table.add_column("", no_wrap=True)
    for pair in found.moved:
        error = f"{pair.error:.2g}" if pair.error is not None else "–"
        table.add_row(
            Text(f"{named(pair.a)}  ·  {named(pair.b)}"),
            f"{pair.before:+.4f}",
            f"{pair.after:+.4f}",
            f"{pair.after - pair.before:+.4f}",
            error,
            _verdict(pair.kind),
        )
    return table
