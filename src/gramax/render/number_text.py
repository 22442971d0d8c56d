"""Numbers, verdicts and sizes as text, the same in the terminal and on a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from gramax import _text
from gramax._text import named, sizes
from gramax.audits.report import LEFT_OUT_WORDS

if TYPE_CHECKING:
    from gramax.audits.report import Number, Report
    from gramax.decide.decision import Table

STATUS_MARKS = {"good": "●", "fair": "◐", "poor": "○", "open": "–"}
"""A mark beside the status of an answer, so that its colour alone never carries the meaning."""

CHANGE_MARKS = {"better": "▲", "worse": "▼", "changed": "◆", "same": "=", "unknown": "?"}
CHOSEN_MARK = "●"
"""Before the row of a table that is recommended."""

TEXT_STYLES = ("words", "metric", "verdict")
"""Styles of the columns of a decision's table that are text, not numbers."""

ABBREVIATIONS = {
    "cdnv": "class-distance normalized variance",
    "vci": "variability collapse index",
    "nc1": "first property of neural collapse, rows that gather at their class means",
    "nc2": "second property of neural collapse, class means that form a simplex",
    "nc3": "third property of neural collapse, classifier weights aligned with the class means",
    "nc4": "fourth property of neural collapse, a classifier that chooses the nearest class mean",
    "nc5": "fifth property of neural collapse, class means at right angles to unknown classes",
    "etf": "equiangular tight frame",
}
"""The abbreviations in names of metrics, written out beside a table that shows them."""

SPARKLINE_BARS = "▁▂▃▄▅▆▇█"
SPARKLINE_WIDTH = 32
"""The largest number of characters in a sparkline, unless a caller asks for another."""


def number(value: float) -> str:
    """A number in four significant digits, large ones as integers; a dash where undefined."""
    return _text.number(value, 4) if math.isfinite(value) else "–"


def tick_text(value: float) -> str:
    """The number beside a tick of an axis: 0.01, 200 or 1e-5, with a real minus sign."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    if 0 < abs(value) < 1e-3:
        text = f"{value:.0e}".replace("e-0", "e-")
    return text.replace("-", "−")


def error_text(error: float | None) -> str:
    """A standard error in two significant digits; a dash where there is none."""
    return "–" if error is None else f"{error:.2g}"


def signed(value: float) -> str:
    """A cosine with its sign and four decimals."""
    return f"{value:+.4f}".replace("-", "−")


def share(value: float) -> str:
    """A share in percent, to two digits; a dash where it is not known.

    Example:
        >>> print(share(0.037), share(1.0), share(2e-9), share(float("nan")), sep=", ")
        3.7 %, 100 %, < 0.1 %, –
    """
    if math.isnan(value):
        return "–"
    if value < 1e-3:
        return "< 0.1 %"
    return f"{100 * value:.2g} %" if value < 0.1 else f"{value:.0%}".replace("%", " %")


def cell(value: Any, style: str = "number") -> str:
    """A cell of a decision's table: a number, a text, or an estimate with its interval.

    Example:
        >>> from gramax.decide.decision import Estimate
        >>> print(cell(0.0371, "percent"), cell(1234, "count"), cell(None), sep=", ")
        3.7 %, 1,234, –
        >>> print(cell(Estimate(0.93, 0.91, 0.95), "percent"))
        93.0 % (91.0 to 95.0)
    """
    if value is None:
        return "–"
    if style == "verdict":
        return f"{CHANGE_MARKS[value]} {value}"
    if isinstance(value, str):
        return value
    low, high = getattr(value, "low", None), getattr(value, "high", None)
    if low is not None and high is not None:
        ends = f"{_of_style(low, style, '')} to {_of_style(high, style, '')}"
        return f"{_of_style(value.value, style)} ({ends})"
    return _of_style(getattr(value, "value", value), style)


def _of_style(value: float, style: str, unit: str = " %") -> str:
    if style == "z":
        return z_score(value)
    if not math.isfinite(value):
        return "–"
    if style == "percent":
        return f"{round(100 * value, 1) + 0.0:.1f}{unit}".replace("-", "−")  # no −0
    if style == "count":
        return f"{value:,.0f}"
    return {"signed": signed, "error": error_text, "share": share}.get(style, number)(value)


def table_note(table: Table) -> str:
    """The note of a decision's table, and the abbreviations in its names of metrics."""
    metrics = table.columns[0].style == "metric"
    short = abbreviations_told(row[0] for row in table.rows) if metrics else ""
    return " ".join(filter(None, (table.note, short)))


def z_score(z: float) -> str:
    """A number of standard deviations with its sign; a dash where it is not known."""
    if math.isnan(z):
        return "–"
    text = f"{z:+,.0f}" if abs(z) >= 100 else f"{z:+.3g}"
    return text.replace("-", "−").replace("inf", "∞")


def spoken(metric: str) -> str:
    """The name of a metric as it stands in a sentence."""
    return metric.removeprefix("class_").replace("_", " ")


def asked_numbers(report: Report) -> list[tuple[str, Number]]:
    """The numbers that the report was asked for: without labels none that needs them."""
    from gramax.metrics.registry import METRICS

    numbers = report.numbers.items()
    return [(name, one) for name, one in numbers if report.c or not METRICS[name].labels]


def references_told(numbers: Iterable[Number]) -> str:
    """What the references of these numbers are, and what z is; empty where there are none."""
    from gramax.uncertainty.chance.laws import REFERENCES

    seen = {one.chance.reference for one in numbers if one.chance}
    if not seen:
        return ""
    told = "; ".join(f"{name}, {what}" for name, what in REFERENCES.items() if name in seen)
    return (
        f"Reference is what the number is of other rows ({told}); z says how many of the standard "
        "deviations of those the value lies away."
    )


def confused_text(report: Report) -> str:
    """How far the classes most alike are those that nearest neighbours confuse."""
    if report.findings is None:
        return ""
    if not report.findings.confused:
        return "No row's nearest neighbour is of another class."
    confused = report.findings.confused
    most = min(len(report.alike), len(confused), 5)
    alike = {frozenset((pair.a, pair.b)) for pair in report.alike[:most]}
    both = sum(frozenset((one.a, one.b)) in alike for one in confused[:most])
    pairs = ", ".join(f"{named(x.a)} · {named(x.b)} ({x.rows:,})" for x in confused[:most])
    return (
        f"Nearest neighbours confuse most: {pairs}; {both} of these {most} "
        f"{'is' if both == 1 else 'are'} among the {most} most alike."
    )


def abbreviations_told(names: Iterable[str]) -> str:
    """The abbreviations in these names of metrics, written out; empty where there are none.

    Example:
        >>> print(abbreviations_told(["cdnv", "effective_rank"]))
        CDNV: class-distance normalized variance.
    """
    parts = {part for name in names for part in name.split("_")}
    told = [f"{short.upper()}: {long}" for short, long in ABBREVIATIONS.items() if short in parts]
    return "; ".join(told) + "." if told else ""


def report_facts(report: Report) -> str:
    """What was audited, in one line: the sizes, and whether rows were put on the unit sphere."""
    where = "on the unit sphere" if report.normalized else "raw"
    if report.codebook:
        kind = "complex codes" if report.codebook.complex else "codes"
        return f"{report.c:,} {kind} × {report.d:,} dimensions · {where}"
    return f"{sizes(report.n, report.d, report.c)} · {where}"


def report_notes(report: Report) -> list[str]:
    """The warnings of a report, and how many rows were left out for which reason."""
    dead = "zero_row" if report.codebook else ""  # which are named elsewhere
    left_out = {why: n for why, n in report.left_out.items() if n and why != dead}
    out = [f"{n:,} ({LEFT_OUT_WORDS[why]})" for why, n in left_out.items()]
    return [*report.warnings, *([f"Rows left out: {', '.join(out)}"] if out else [])]


def sparkline(values: Sequence[float], width: int = SPARKLINE_WIDTH) -> str:
    """The course of `values` in at most `width` bars, with a gap where they are undefined.

    Each bar stands for several values where there are more than `width`: of those, it shows the
    one farthest from their median, so that a single bad audit is not lost. The bars are scaled
    from the least to the largest value shown.

    Example:
        >>> sparkline([0.0, 1.0, 2.0, 3.0])
        '▁▃▆█'
        >>> sparkline([1.0, float("nan"), 1.0])
        '▁ ▁'
    """
    n, cells = len(values), min(len(values), width)
    bars = []
    for k in range(cells):
        part = [v for v in values[k * n // cells : (k + 1) * n // cells] if math.isfinite(v)]
        middle = median(part) if part else math.nan
        bars.append(max(part, key=lambda v: abs(v - middle), default=math.nan))
    finite = [bar for bar in bars if math.isfinite(bar)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(SPARKLINE_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        SPARKLINE_BARS[round((bar - low) * scale)] if math.isfinite(bar) else " " for bar in bars
    )
