"""Numbers and verdicts as text, the same in the terminal and on a page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gramax.audits.headline import HEADLINE

if TYPE_CHECKING:
    from gramax.audits.report import Report
    from gramax.comparison import Comparison

KIND_MARKS = {"better": "▲", "worse": "▼", "changed": "◆", "same": "=", "unknown": "?"}
KIND_WORDS = {
    "better": "better",
    "worse": "worse",
    "changed": "changed",
    "same": "within noise",
    "unknown": "cannot be told",
}
"""What became of a number, with a mark so that colour alone never tells."""


def number(value: float) -> str:
    """A number in four significant digits, large ones as integers; a dash where undefined."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"


def plain(value: float) -> str:
    """A tick: 0.01, 200, 1e-5, with a minus sign."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    if 0 < abs(value) < 1e-3:
        text = f"{value:.0e}".replace("e-0", "e-")
    return text.replace("-", "−")


def signed(value: float) -> str:
    """A cosine with its sign and four decimals."""
    return f"{value:+.4f}".replace("-", "−")


def score(z: float) -> str:
    """Standard deviations with their sign; a dash where they are not known."""
    if math.isnan(z):
        return "–"
    if math.isinf(z):
        return "+∞" if z > 0 else "−∞"
    return (f"{z:+,.0f}" if abs(z) >= 100 else f"{z:+.3g}").replace("-", "−")


def headline(found: Comparison) -> str:
    """What changed, in a sentence."""
    counts = {kind: len(found.of_kind(kind)) for kind in ("better", "worse", "changed", "same")}
    told = sum(counts.values())
    if not told:
        return "Whether anything changed cannot be told: there are no errors to hold it against."
    real = [f"{counts[kind]} {kind}" for kind in ("better", "worse", "changed") if counts[kind]]
    if not real:
        return f"Nothing changed beyond noise, in {told} numbers."
    rest = f"; {counts['same']} within noise" if counts["same"] else ""
    tally = f"Of {told} numbers that can be told, {', '.join(real)}{rest}."
    heads = [(name, found[name].kind) for name in HEADLINE.values() if name in found]
    turns = [f"{spoken(name)} {KIND_WORDS[kind]}" for name, kind in heads]
    return f"From A to B: {', '.join(turns)}. {tally}" if turns else tally


def spoken(metric: str) -> str:
    """The name of a metric as a sentence has it."""
    return metric.removeprefix("class_").replace("_", " ")


def left_out(report: Report) -> str:
    """How many rows were left out, by reason; empty where none was."""
    out = [f"{n:,} ({why.replace('_', ' ')})" for why, n in report.left_out.items() if n]
    return f"Rows left out: {', '.join(out)}" if out else ""


def facts(report: Report) -> str:
    """Sizes in one line."""
    classes = f"{report.c:,} classes" if report.c else "no labels"
    where = "on the unit sphere" if report.normalized else "raw"
    return f"{report.n:,} rows × {report.d:,} dimensions · {classes} · {where}"
