"""A report as a table that a person reads at a glance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gramax.registry import QUESTIONS
from gramax.reports import Answer, Report

STYLES = {"good": "green", "fair": "yellow", "poor": "red", "open": "dim"}
MARKS = {"good": "●", "fair": "◐", "poor": "○", "open": "–"}


def show(report: Report, console: Console | None = None) -> None:
    """Print the report to the terminal (plain text where the output is a file)."""
    console = console or Console()
    console.print(render(report), width=min(console.width, 110))


def render(report: Report) -> RenderableType:
    """The report as one rich renderable: what was audited, the answers, the worst pairs."""
    parts: list[RenderableType] = [_heading(report), _answers(report)]
    if report.worst_pairs:
        parts += [Text("\nWorst-aligned classes", style="bold"), _pairs(report)]
    left_out = _left_out(report)
    return Group(*parts, *([left_out] if left_out else []))


def number(value: float) -> str:
    """A number in at most four significant digits; a dash where it is undefined."""
    return f"{value:.4g}" if math.isfinite(value) else "–"


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
    classes = f" · {report.c:,} classes" if report.c else " · no labels"
    rows = "on the unit sphere" if report.normalized else "raw"
    text = Text(no_wrap=False)
    text.append(report.source, style="bold")
    text.append(f"\n{report.n:,} rows × {report.d:,} dimensions{classes} · {rows}\n")
    return text


def _answers(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim", expand=True)
    table.add_column("", no_wrap=True, width=1)
    table.add_column("Question", ratio=5)
    table.add_column("Number, held against", ratio=7)
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


def _pairs(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for pair in report.worst_pairs:
        table.add_row(f"{pair.cosine:+.4f}", Text(f"{pair.a}  ·  {pair.b}"))
    return table


def _left_out(report: Report) -> Text | None:
    parts = [
        f"{count:,} ({why.replace('_', ' ')})" for why, count in report.left_out.items() if count
    ]
    return Text(f"\nRows left out: {', '.join(parts)}", style="yellow") if parts else None
