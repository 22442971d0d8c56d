"""The best packings ever found, and what one run reached: two small files that runs add to.

`data/packings_best.npz` holds an array of float64 codes a row, `complex-7-22` for 22 codes in C^7:
float64, for the table is compared to the twelfth digit, and the whole is a third of a megabyte.
`data/packings_run.csv` holds one line a row of one blind run. Both are written whole or not at all.
"""

from __future__ import annotations

import csv
import statistics
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gramax._files import replacing
from gramax.frames.codebooks import coherence

HERE = Path(__file__).parent
PUBLISHED = HERE.parent / "tests" / "frames" / "packings.csv"
BEST = HERE / "data" / "packings_best.npz"
RUN = HERE / "data" / "packings_run.csv"

RECORD = 1e-8
"""A record is better than the published coherence by more than this: the Game of Sloanes' rule."""


COUNTED = ("rows", "within 1e-6", "within 1e-8", "beaten", "median s to match")


class Row(NamedTuple):
    """n codes in d dimensions."""

    field: str
    d: int
    n: int

    def __str__(self) -> str:
        return f"{self.field}-{self.d}-{self.n}"


class Entry(NamedTuple):
    """What is published for a row."""

    coherence: float
    source: str


@dataclass(frozen=True)
class Outcome:
    """What a run reached on a row within its budget.

    Attributes:
        field: "real" or "complex".
        d: dimension.
        n: number of codes.
        reached: coherence.
        seconds: spent on the row.
        matched: seconds after which the published coherence was matched to 1e-8, or NaN.
        rounds: batches run.
        how: how the best was found.
    """

    field: str
    d: int
    n: int
    reached: float
    seconds: float
    matched: float
    rounds: int
    how: str

    @property
    def row(self) -> Row:
        """The row that this is the outcome of."""
        return Row(self.field, self.d, self.n)


def published() -> dict[Row, Entry]:
    """The tables, by row."""
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {
        Row(line["field"], int(line["d"]), int(line["n"])): Entry(
            float(line["best_known_coherence"]), line["source"]
        )
        for line in lines
    }


def load_best() -> dict[str, np.ndarray]:
    """The codes kept, by `str(row)`; empty where there is no file yet."""
    if not BEST.exists():
        return {}
    with np.load(BEST, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def keep_best(row: Row, codes: np.ndarray) -> bool:
    """Write `codes` where they are better than what is kept; whether they are.

    The file is read again just before, so that two runs do not undo one another's finds.
    """
    kept = load_best()
    if str(row) in kept and coherence(kept[str(row)]) <= coherence(codes):
        return False
    kept[str(row)] = codes
    arrays: dict[str, Any] = dict(sorted(kept.items()))
    with replacing(BEST) as temporary:
        np.savez(temporary, **arrays)
    return True


def load_run() -> tuple[str | None, list[Outcome]]:
    """The settings of the run in the file and its outcomes so far; None and none without a file."""
    if not RUN.exists():
        return None, []
    make = {"str": str, "int": int, "float": float}
    types = [make[str(f.type)] for f in fields(Outcome)]
    with RUN.open(newline="", encoding="utf-8") as file:
        settings = file.readline().strip().removeprefix("# ")
        lines = list(csv.reader(file))[1:]
    return settings, [Outcome(*(t(v) for t, v in zip(types, line, strict=True))) for line in lines]


def save_run(settings: str, outcomes: list[Outcome]) -> None:
    """Write the outcomes, by row."""
    with replacing(RUN) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {settings}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(f.name for f in fields(Outcome))
        writer.writerows(astuple(o) for o in sorted(outcomes, key=lambda o: o.row))


def exact_coherence(codes: np.ndarray, digits: int = 50) -> float:
    """The coherence in `digits`-digit arithmetic, the doubles taken as they are.

    Rows are normalised there too, so rounding in the stored lengths cannot flatter.
    """
    import mpmath

    with mpmath.workdps(digits):
        rows = [[mpmath.mpc(v.real, v.imag) for v in row.tolist()] for row in codes]
        lengths = [mpmath.fsum(abs(v) ** 2 for v in row) for row in rows]
        worst = mpmath.mpf(0)
        for i, x in enumerate(rows):
            for j, y in enumerate(rows[:i]):
                inner = mpmath.fsum(a * mpmath.conj(b) for a, b in zip(x, y, strict=True))
                worst = max(worst, abs(inner) ** 2 / (lengths[i] * lengths[j]))
        return float(mpmath.sqrt(worst))


def verified(kept: dict[str, np.ndarray]) -> dict[Row, float]:
    """Coherences from the vectors by row; in 50 digits where they are records."""
    values = {}
    for row, entry in published().items():
        if str(row) not in kept:
            continue
        codes = kept[str(row)]
        lengths = np.linalg.norm(codes, axis=1)
        if codes.shape != (row.n, row.d) or np.any(np.abs(lengths - 1) > 1e-12):
            raise ValueError(f"{row}: not {row.n} unit codes of {row.d} entries: {codes.shape}")
        values[row] = coherence(codes)
        if values[row] < entry.coherence - RECORD:
            values[row] = exact_coherence(codes)
    return values


def summary(values: dict[Row, float], outcomes: dict[Row, Outcome]) -> list[list[str]]:
    """By field: the rows, how many match the tables or beat them, the median seconds to 1e-8."""
    known = published()
    lines = []
    for field in ("complex", "real"):
        gaps = [v - known[row].coherence for row, v in values.items() if row.field == field]
        if not gaps:
            continue
        times = [o.matched for row, o in outcomes.items() if row.field == field]
        times = [t for t in times if np.isfinite(t)]
        close = [sum(gap <= at for gap in gaps) for at in (1e-6, RECORD)]
        share = [f"{k} ({k / len(gaps):.1%})" for k in close]
        beaten = sum(gap < -RECORD for gap in gaps)
        median = f"{statistics.median(times):.1f}" if times else ""
        lines.append([field, f"{len(gaps)}", *share, f"{beaten}", median])
    return lines
