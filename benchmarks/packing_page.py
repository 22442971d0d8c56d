"""docs/packings.md: the published tables and ours side by side, from the two files of the runs."""

from __future__ import annotations

from pathlib import Path

from benchmarks import packing_store as store
from benchmarks.packing_store import Outcome, Row
from gramax._files import write_text
from gramax.frames import coherence_floor

PAGE = store.HERE.parent / "docs" / "packings.md"
PROSE = Path(__file__).with_name("packing_page.md")

COLUMNS = ("d", "n", "published", "ours", "difference", "floor", "the run", "how", "seconds")


def write() -> Path:
    """Write the page; where it is."""
    settings, run = store.load_run()
    values = store.verified(store.load_best())
    outcomes = {outcome.row: outcome for outcome in run}
    parts = {
        "run": f"{settings}; {len(run)} rows",
        "run_summary": _summary({o.row: o.reached for o in run}, outcomes),
        "best_summary": _summary(values, {}),
        "complex": _table("complex", values, outcomes),
        "real": _table("real", values, outcomes),
    }
    text = PROSE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    write_text(PAGE, text)
    return PAGE


def _summary(values: dict[Row, float], outcomes: dict[Row, Outcome]) -> str:
    """`store.summary` as a table."""
    return _markdown(("field", *store.COUNTED), store.summary(values, outcomes))


def _table(field: str, values: dict[Row, float], outcomes: dict[Row, Outcome]) -> str:
    """One line for every row of a field whose best is kept."""
    rows = sorted(row for row in values if row.field == field)
    return _markdown(COLUMNS, [_line(row, values[row], outcomes.get(row)) for row in rows])


def _line(row: Row, value: float, outcome: Outcome | None) -> list[str]:
    """A row: what is published, the best ever, and what the run reached."""
    known = store.published()[row].coherence
    gap = value - known
    shown = f"**{gap:+.1e}**" if gap < -store.RECORD else f"{gap:+.1e}" if gap > 1e-11 else "0"
    floor = coherence_floor(row.n, row.d, row.field).value
    attained = " (attained)" if value <= floor + 1e-12 else ""
    cells = [f"{row.d}", f"{row.n}", f"{known:.12f}", f"{value:.12f}", shown]
    cells.append(f"{floor:.8f}{attained}")
    if outcome is None:
        return [*cells, "", "", ""]
    reached = outcome.reached - known
    word = "better" if reached < -store.RECORD else f"{max(reached, 0):.0e}"
    word = "match" if abs(reached) <= store.RECORD else word
    return [*cells, word, outcome.how, f"{outcome.seconds:.1f}"]


def _markdown(columns: tuple[str, ...], lines: list[list[str]]) -> str:
    """A table, its numbers to the right."""
    rows = [list(columns), ["---:"] * len(columns), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
