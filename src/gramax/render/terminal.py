"""Reports, decisions, metrics and bounds as tables in the terminal."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax._text import named
from gramax.audits.codebook_verdict import codebook_lines
from gramax.audits.report import Report
from gramax.audits.verdict import tell_worth
from gramax.metrics.registry import METRICS, QUESTIONS, Metric
from gramax.render.number_text import (
    CHOSEN_MARK,
    STATUS_MARKS,
    TEXT_STYLES,
    abbreviations_told,
    asked_numbers,
    cell,
    confused_text,
    error_text,
    number,
    references_told,
    report_facts,
    report_notes,
    signed,
    table_note,
    z_score,
)

if TYPE_CHECKING:
    from gramax.audits.report import Pair
    from gramax.decide.decision import Decision
    from gramax.frames import Bound, Floor
    from gramax.uncertainty.probes import Worth

MAX_LISTED = 10
"""Pairs or classes listed."""

MIN_WIDTH, MAX_WIDTH = 60, 110
"""Characters of a table: fewer hold no sentence beside its number, more are hard to read."""

STATUS_STYLES = {"good": "green", "fair": "yellow", "poor": "red", "open": "dim"}
CHANGE_STYLES = {"better": "green", "worse": "red", "changed": "cyan", "unknown": "dim"}
DIRECTION_MARKS = {"lower": "↓", "higher": "↑", "neither": "·"}

REFERENCE_COLUMNS = ("reference", "z", "of rows")
"""What a number is held against: its mean, how far the number is away, and what it is of."""


def show(found: Report | Decision, console: Console | None = None) -> None:
    """Print what a command has found to the terminal (plain text where the output is a file)."""
    console = console or Console()
    view = report_view(found) if isinstance(found, Report) else decision_view(found)
    console.print(view, width=min(console.width, MAX_WIDTH), crop=False)


def plain_text(found: Report | Decision) -> str:
    """What `show` prints, as text without colour, no wider than the terminal."""
    width = min(max(shutil.get_terminal_size((MAX_WIDTH, 0)).columns, MIN_WIDTH), MAX_WIDTH)
    out = io.StringIO()
    # In a notebook rich would show the text there, whatever file it is for.
    console = Console(
        file=out, width=width, color_system=None, force_terminal=False, force_jupyter=False
    )
    show(found, console)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def report_view(report: Report) -> RenderableType:
    """The report as one rich renderable: what was audited, the answers, the worst pairs."""
    diagnosis = report.diagnosis
    heading = Text.assemble((report.title, "bold"), f"\n{report_facts(report)}\n\n")
    status, worth, beside = tell_worth(report)
    if worth:
        heading.append(STATUS_MARKS[status], style=STATUS_STYLES[status])
        heading.append(f" {worth}", style="bold").append(f" {beside}\n")
    heading.append(diagnosis.text, style="bold")
    heading.append(f"\nTry: {diagnosis.advice}\n" if diagnosis.advice else "\n")
    parts: list[RenderableType] = [heading, _answers(report)]
    if lines := codebook_lines(report):
        parts += [Text("Which codes", style="bold"), Text("\n".join([*lines, ""]))]
    attached = {name: one for name, one in report.numbers.items() if METRICS[name].attached}
    if attached:
        table = _table("", "value", "chance", last="")
        for name, one in attached.items():
            told = f"{METRICS[name].meaning}; best {METRICS[name].best}"
            told = f"undefined: {one.reason}" if one.reason else told
            chance = number(one.chance.mean) if one.chance else "–"
            table.add_row(name, number(one.value), chance, Text(told))
        legend = f"{abbreviations_told(attached)}\n".lstrip()
        parts += [Text("Head, pairs and outliers", style="bold"), table, Text(legend, style="dim")]
    if report.alike:
        parts += _alike(report)
    elif report.worst_pairs:
        alike = f"Worst-aligned {'codes' if report.codebook else 'classes'}"
        parts += [Text(alike, style="bold"), _pairs(report.worst_pairs)]
    if report.merged:
        parts += [Text("\nClasses that these rows cannot tell apart", style="bold")]
        parts += [_pairs(report.merged[:MAX_LISTED])]
    if any(entry.error for entry in report.numbers.values()):
        if report.worth:
            parts += [Text("\nRows held out that get their class", style="bold")]
            parts += [_held_out(report.worth)]
        parts += [Text("\nEvery number", style="bold"), *_numbers(report)]
        if len(report.classes) > 1:
            parts += [Text("\nLoosest classes", style="bold"), _classes(report)]
    # A command is copied: it stays in one line, however long.
    steps = [
        Text(f"\n{one.why}\n  {one.command}", no_wrap=True, overflow="ignore")
        for one in report.next_steps
    ]
    return Group(*parts, *_notes(report_notes(report)), *steps)


def decision_view(found: Decision) -> RenderableType:
    """A decision as one rich renderable: the sentence that decides, then what it rests on."""
    heading = Text.assemble((found.source, "bold"), f"\n{found.facts}\n\n")
    heading.append(f"{found.headline}\n", style="bold")
    parts: list[RenderableType] = [heading]
    for table in found.tables():
        parts.append(Text(table.title, style="bold"))
        shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        shown.add_column("", no_wrap=True, width=1)
        for column in table.columns:
            side: Any = "left" if column.style in TEXT_STYLES else "right"
            shown.add_column(column.heading, overflow="fold", justify=side)
        for index, row in enumerate(table.rows):
            mark = CHOSEN_MARK if index == table.chosen else ""
            cells = [
                Text(cell(one, column.style), style=CHANGE_STYLES.get(one, ""))
                if column.style == "verdict"
                else Text(cell(one, column.style))
                for one, column in zip(row, table.columns, strict=True)
            ]
            shown.add_row(Text(mark), *cells, style="bold" if mark else "")
        note = table_note(table)
        parts += [shown, Text(f"{note}\n" if note else "", style="dim")]
    return Group(*parts, *_notes(list(found.notes)))


def _table(first: str, *numeric: str, last: str | None = None) -> Table:
    """A table whose first column is text, and so is the `last`; the others are numbers.

    Where a terminal is narrow, text is folded, so that every number keeps its digits.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_header=bool(numeric))
    table.add_column(first, overflow="fold")
    for name in numeric:
        table.add_column(name, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last, overflow="fold")
    return table


def _answers(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim", expand=True)
    table.add_column("", no_wrap=True, width=1)
    table.add_column("Question", ratio=5)
    # The longest name fits, where the terminal is not narrow.
    table.add_column("Number, held against", ratio=7, min_width=28, overflow="fold")
    table.add_column("Verdict", ratio=10)
    for answer in report.answers:
        style = STATUS_STYLES[answer.status]
        told = Text(number(answer.value), style="bold")
        told.append(f" {answer.metric.removeprefix('class_')}", style="not bold")
        if answer.against:
            told.append(f"\n{answer.against}", style="dim not bold")
        verdict = Text(answer.text, style=style if answer.status == "poor" else "")
        if answer.advice:
            verdict.append(f"\nTry: {answer.advice}", style="not bold")
        mark = Text(STATUS_MARKS[answer.status], style=style)
        table.add_row(mark, answer.asks, told, verdict)
    return table


def _held_out(worth: Worth) -> Table:
    table = _table("", "share", "95 % interval", last="by")
    for name, one in (worth.outcomes | dict(worth.more)).items():
        interval = f"{one.low:.3f} to {one.high:.3f}"
        table.add_row(name.replace("_", " "), f"{one.accuracy:.3f}", interval, one.method)
    return table


def _pairs(pairs: Sequence[Pair]) -> Table:
    table = _table("", last="")
    for pair in pairs:
        table.add_row(signed(pair.cosine), _pair_text(pair))
    return table


def _alike(report: Report) -> list[RenderableType]:
    """The pairs of classes most alike, beside those that neighbours confuse, and most opposite."""
    parts: list[RenderableType] = [Text("Classes most alike", style="bold")]
    found = report.findings.confused if report.findings else ()
    rows = {frozenset((one.a, one.b)): one.rows for one in found}
    table = _table("", "", last="rows whose neighbour is of the other" if rows else "")
    table.columns[1].justify = "left"
    for pair in report.alike[:MAX_LISTED]:
        count = rows.get(frozenset((pair.a, pair.b)), 0)
        table.add_row(signed(pair.cosine), _pair_text(pair), f"{count:,}" if count else "")
    parts.append(table)
    if told := confused_text(report):
        parts.append(Text(told, style="dim"))
    opposite = [pair for pair in report.opposite[:MAX_LISTED] if pair.cosine < 0]
    return [*parts, Text("\nClasses most opposite", style="bold"), _pairs(opposite)]


def _pair_text(pair: Any) -> Text:
    return Text(f"{named(pair.a)}  ·  {named(pair.b)}")


def _numbers(report: Report) -> list[RenderableType]:
    """Every number in a table, and what its columns mean."""
    few = any(entry.few_rows for entry in report.numbers.values())
    table = _table("", "value", "± error", *["of many"] * few, *REFERENCE_COLUMNS, "better")
    for name, entry in asked_numbers(report):
        random = entry.chance
        beside = number(entry.companion.value) if entry.companion and entry.few_rows else "–"
        table.add_row(
            name,
            number(entry.value),
            error_text(entry.error.error if entry.error else None),
            *[beside] * few,
            number(random.mean) if random else "–",
            z_score(random.z(entry.value)) if random else "–",
            random.reference if random else "–",
            DIRECTION_MARKS[METRICS[name].direction],
        )
    legend = (
        f"± error is the standard error of the value. {references_told(report.numbers.values())} "
        "↑ means that higher is better, ↓ that lower is better."
    )
    of_many = " Of many: an estimate of the value at infinitely many rows, where that is further "
    legend += f"{of_many}away than its error." if few else ""
    legend = f"{legend} {abbreviations_told(name for name, _ in asked_numbers(report))}".rstrip()
    return [table, Text(legend, style="dim")]


def _classes(report: Report) -> Table:
    numeric = ("rows", "within variance", "of scatter within")
    table = _table("class", *numeric, last="nearest class")
    for view in sorted(report.classes, key=lambda view: -view.within)[:MAX_LISTED]:
        near = f"{named(view.nearest)} ({view.cosine:+.3f})" if view.nearest is not None else "–"
        size, share = f"{view.count:,}", f"{view.share:.1%}"
        table.add_row(Text(named(view.name)), size, number(view.within), share, Text(near))
    return table


def _notes(notes: Sequence[str]) -> list[RenderableType]:
    lines = (note if note.startswith("Rows left out") else f"Note: {note}" for note in notes)
    return [Text("\n" + "\n".join(lines), style="yellow")] if notes else []


def metric_list() -> RenderableType:
    """Every metric of the registry, under its question."""
    parts: list[RenderableType] = []
    for question, asks in QUESTIONS.items():
        table = _table("", last="")
        table.columns[0].min_width = 30
        for metric in METRICS.everything():
            if metric.question == question:
                table.add_row(f"  {metric.name}", Text(metric.meaning, style="dim"))
        parts += [Text(asks, style="bold"), table]
    return Group(*parts)


def metric_page(metric: Metric) -> RenderableType:
    """All that one metric declares."""
    table = _table("", last="")
    table.add_row("", Text(metric.name, style="bold"))
    for name, text in metric.declared().items():
        table.add_row(Text(name, style="dim"), Text(text))
    return table


def show_bounds(floor: Floor, rows: Sequence[Bound]) -> None:
    """Print the bounds side by side, the largest marked."""
    table = _table("", "bound", "value", last="where it holds")
    table.columns[1].justify = "left"
    for row in rows:
        best = row.name == floor.bound
        value = f"{row.value:.12f}" if row.value is not None else "–"
        table.add_row("→" if best else "", row.name, value, row.holds, style="bold" if best else "")
    told = {True: "is attained", False: "cannot be attained", None: "is not known to be attained"}
    console = Console()
    console.print(table)
    console.print(f"\nFloor {floor.value:.12f} ({floor.bound}; {floor.source})")
    console.print(f"It {told[floor.attainable]}: {floor.reason}")
