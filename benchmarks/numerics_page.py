"""docs/numerics.md: what stands between its markers, from the errors and the limits."""

from __future__ import annotations

import math
import re
from pathlib import Path

from benchmarks.numerics_inputs import TROUBLES
from benchmarks.numerics_limits import BOUND, KINDS, words
from gramax._files import write_text
from gramax.metrics.registry import METRICS

PAGE = Path(__file__).parent.parent / "docs" / "numerics.md"

Found = dict[tuple[str, str], dict[str, list[float]]]
"""Errors by kind and metric, then by trouble ("float64": all of them, in float64)."""


def write(found: Found) -> Path:
    """Write the tables and the limits into the page; where it is."""
    text = filled(
        PAGE.read_text(encoding="utf-8"),
        {"limits": words(), "grid": hard(), "tables": tables(found)},
    )
    write_text(PAGE, text)
    return PAGE


def filled(page: str, parts: dict[str, str]) -> str:
    """The page with each part between its markers."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        page = re.sub(
            f"{begin}.*{end}", lambda _, p=(begin, part, end): "\n".join(p), page, flags=re.DOTALL
        )
    return page


def hard() -> str:
    """The columns of the tables, in words."""
    return "\n".join(f"- **{name}**: {text}" for name, text in TROUBLES.items())


def tables(found: Found) -> str:
    """One table a kind, its metrics in the order of the registry."""
    parts = []
    columns = (*TROUBLES, "float64")
    for kind, title in KINDS.items():
        lines = [f"### {title}", "", f"| metric | {' | '.join(columns)} |"]
        lines.append("| --- |" + " ---: |" * len(columns))
        for metric in METRICS.everything():
            by_trouble = found.get((kind, metric.name))
            if by_trouble:
                cells = " | ".join(cell(by_trouble.get(column, [])) for column in columns)
                lines.append(f"| `{metric.name}` | {cells} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def cell(errors: list[float]) -> str:
    """The worst error, bold beyond the bound; "NaN" where the metric gives none somewhere."""
    numbers = [error for error in errors if not math.isnan(error)]
    worst = max(numbers, default=None)
    shown = [] if worst is None else [f"{worst:.0e}" if worst <= BOUND else f"**{worst:.0e}**"]
    return ", ".join(shown + ["NaN"] * (len(numbers) < len(errors)))
