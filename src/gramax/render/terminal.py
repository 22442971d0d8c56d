"""A report as a table that a person reads at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax.audits.report import Answer, Pair, Report
from gramax.data.text import named
from gramax.metrics.registry import METRICS, QUESTIONS, Metric
from gramax.render.words import facts, left_out, number, score, signed

if TYPE_CHECKING:
    from gramax.frames import Bound, Floor

MOST = 10
"""Pairs or classes listed."""

STYLES = {"good": "green", "fair": "yellow", "poor": "red", "open": "dim"}
BETTER = {"lower": "↓", "higher": "↑", "neither": "·"}
MARKS = {"good": "●", "fair": "◐", "poor": "○", "open": "–"}


def show(report: Report, console: Console | None = None) -> None:
    """Print the report to the terminal (plain text where the output is a file)."""
    console = console or Console()
    console.print(render(report), width=min(console.width, 110))


def render(report: Report) -> RenderableType:
    """The report as one rich renderable: what was audited, the answers, the worst pairs."""
    parts: list[RenderableType] = [_heading(report), _answers(report)]
    if report.worst_pairs:
        parts += [Text("Worst-aligned classes", style="bold"), _pairs(report.worst_pairs)]
    if report.merged:
        parts += [Text("\nClasses that these rows cannot tell apart", style="bold")]
        parts += [_pairs(report.merged[:MOST])]
    if any(entry.error for entry in report.numbers.values()):
        parts += [Text("\nEvery number", style="bold"), _numbers(report)]
        if len(report.classes) > 1:
            parts += [Text("\nLoosest classes", style="bold"), _classes(report)]
    return Group(*parts, *_notes(report))


DEMO_HEADING = f"{'epoch':>5}  train err  test err  collapse  eff. rank  off-diagonal cosines"


def demo_line(record: Mapping[str, Any], cosines: np.ndarray) -> str:
    """One audit of the demo as a line under `DEMO_HEADING`."""
    train, test = record["train"], record["test"]
    off = cosines[~np.eye(len(cosines), dtype=bool)]
    return (
        f"{record['epoch']:>5}  {train['error']:>9.2%}  {test['error']:>8.2%}  "
        f"{train['collapse_ratio']:>8.2g}  {train['effective_rank']:>9.2f}  "
        f"{off.min():+.3f} to {off.max():+.3f}"
    )


def _heading(report: Report) -> Text:
    text = Text(no_wrap=False)
    text.append(report.source, style="bold")
    text.append(f"\n{facts(report)}\n\n")
    text.append(report.diagnosis.text, style="bold")
    if report.diagnosis.advice:
        text.append(f"\nTry: {report.diagnosis.advice}")
    return text.append("\n")


def _answers(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim", expand=True)
    table.add_column("", no_wrap=True, width=1)
    table.add_column("Question", ratio=5)
    table.add_column("Number, held against", ratio=7, min_width=28)  # the longest name fits
    table.add_column("Verdict", ratio=10)
    for answer in report.answers:
        style = STYLES[answer.status]
        table.add_row(
            Text(MARKS[answer.status], style=style),
            QUESTIONS[answer.question],
            _number_against(answer),
            Text(answer.text, style=style if answer.status == "poor" else ""),
        )
    return table


def _number_against(answer: Answer) -> Text:
    text = Text(number(answer.value), style="bold")
    text.append(f" {answer.metric.removeprefix('class_')}", style="not bold")
    if answer.against:
        text.append(f"\n{answer.against}", style="dim not bold")
    return text


def _pairs(pairs: Sequence[Pair]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for pair in pairs:
        table.add_row(signed(pair.cosine), Text(f"{named(pair.a)}  ·  {named(pair.b)}"))
    return table


def _numbers(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("value", "± error", "chance", "z", "better"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, entry in report.numbers.items():
        error = entry.error.error if entry.error else None
        random = entry.chance
        table.add_row(
            name,
            number(entry.value),
            f"{error:.2g}" if error is not None else "–",
            number(random.mean) if random else "–",
            score(random.z(entry.value)) if random else "–",
            BETTER[METRICS[name].direction],
        )
    return table


def _classes(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class")
    for name in ("rows", "within variance", "of scatter within"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("nearest class")
    for view in sorted(report.classes, key=lambda view: -view.within)[:MOST]:
        near = f"{named(view.nearest)} ({view.cosine:+.3f})" if view.nearest is not None else "–"
        size, share = f"{view.count:,}", f"{view.share:.1%}"
        table.add_row(Text(named(view.name)), size, number(view.within), share, Text(near))
    return table


def _notes(report: Report) -> list[RenderableType]:
    notes = [f"Note: {warning}" for warning in report.warnings]
    if out := left_out(report):
        notes.append(out)
    return [Text("\n" + "\n".join(notes), style="yellow")] if notes else []


def metric_list() -> RenderableType:
    """Every metric of the registry, under its question."""
    parts: list[RenderableType] = []
    for question, asks in QUESTIONS.items():
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True, min_width=30)
        table.add_column()
        for metric in METRICS.everything():
            if metric.question == question:
                table.add_row(f"  {metric.name}", Text(metric.meaning, style="dim"))
        parts += [Text(asks, style="bold"), table]
    return Group(*parts)


def metric_page(metric: Metric) -> RenderableType:
    """All that one metric declares."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    table.add_row("", Text(metric.name, style="bold"))
    for name, text in metric.declared().items():
        table.add_row(name, Text(text))
    return table


def show_bounds(floor: Floor, rows: Sequence[Bound]) -> None:
    """Print the bounds side by side, the largest marked."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    table.add_column("bound", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("where it holds")
    for row in rows:
        best = row.name == floor.bound
        value = f"{row.value:.12f}" if row.value is not None else "–"
        table.add_row("→" if best else "", row.name, value, row.holds, style="bold" if best else "")
    told = {True: "is attained", False: "cannot be attained", None: "is not known to be attained"}
    console = Console()
    console.print(table)
    console.print(f"\nFloor {floor.value:.12f} ({floor.bound}; {floor.source})")
    console.print(f"It {told[floor.attainable]}: {floor.reason}")
