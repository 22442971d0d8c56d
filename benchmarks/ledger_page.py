"""docs/predictions.md, made from the table of the ledger."""

from __future__ import annotations

import zlib

import numpy as np

from benchmarks.ledger_words import ASKED, NEAR, STATEMENTS, Row, way, word

OUTCOMES = {
    "probe": "logistic regression, five folds",
    "nearest_neighbour": "the class of the nearest other row",
    "nearest_mean": "the nearest class mean, five folds",
    "five_shot": "the nearest mean of five rows a class, 20 draws",
    "retrieval": "mean average precision, each row a query",
}

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


WORDS = """## What the audit says first, against what was measured

The first sentence of an audit calls classes told apart (good), told apart in part (fair)
or not told apart (poor), by the best of its classifiers. Here it is held to the best
of logistic regression, nearest neighbour and nearest mean, measured by scikit-learn. A third of the
ledger was counted apart while thresholds were chosen, though it was in sight. The fresh spaces are
of other data, sizes, makings and remedies. A first draw of them (64) bore out every first sentence,
but not every kind: classes were called merged that differ in a direction of little variance or had
too few rows to tell (13 spaces), means of 48 rows were said to coincide that do not (1), and two
opposite classes, or the two ends of an axis, were poor in crosstalk and called badly packed (2).
These rules were mended, and what is shown is a second draw, which took no part in that; its tables
of scikit-learn and photographs are the same data, in other samples and coordinates. (One rule was
mended by the second draw: 48 rows that a mean tells apart in part were called interleaved.)

| spaces | the same word |
| --- | ---: |
| all {asked} of the ledger | {every_share} |
| its third held apart ({apart}) | {old_share} |
| {fresh} fresh ones | {fresh_share} |
"""

STATED = f"""## Each thing that is said, against what was measured

Kinds, properties, and answers that bear on how classes are told apart, each held to an outcome
that would contradict it: accuracies on the way from always naming the largest class (0) to every
row right (1), {NEAR:g} beyond the threshold at most. The last line is of spaces whose making says
what they are. All other answers speak of geometry, and claim nothing of this sort.
"""


def page(every: list[Row], draws: int = 200) -> str:
    """docs/predictions.md: how the numbers of the table go with its outcomes, and the words."""
    rows = parted(every)[0]
    families = np.array([row["family"] for row in rows])
    known = {"family", "name", "fresh", "n", "d", "c", "makings", "kind", "properties", "largest"}
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
    lines += [*first_sentence(every), *statements(every)]
    for how, title in (("within", "Within a family"), ("across", "Across families")):
        order = sorted(numbers, key=lambda n: -abs(found[n, "probe"][how][0]))
        lines += [f"## {title}", "", *table(order, found, how), ""]
    return "\n".join(lines)


def held_apart(row: Row) -> bool:
    """Whether a space of the ledger was counted apart while thresholds were chosen, by a hash."""
    return zlib.crc32(f"{row['family']}/{row['name']}".encode()) % 3 == 0


def first_sentence(rows: list[Row]) -> list[str]:
    """How far what the audit says of held-out rows is what was measured apart."""
    old, fresh = parted(rows)
    low, high = np.quantile([best(row) for row in old], [0.25, 0.75])
    lines = [
        WORDS.format(
            asked=len(old),
            apart=sum(map(held_apart, old)),
            fresh=len(fresh),
            old_share=f"{agreement([row for row in old if held_apart(row)]):.0%}",
            every_share=f"{agreement(old):.0%}",
            fresh_share=f"{agreement(fresh):.0%}",
        ),
        "| best accuracy | good | fair | poor | of the fresh: good | fair | poor |",
        f"| --- |{' ---: |' * 6}",
    ]
    for title, least, most in (
        (f"lowest quarter (up to {low:.3f})", -1, low),
        ("between", low, high),
        (f"highest quarter (above {high:.3f})", high, 1),
    ):
        counts = [
            sum(row["says_worth"] == said for row in some if least < best(row) <= most)
            for some in (old, fresh)
            for said in ("good", "fair", "poor")
        ]
        lines.append(f"| {title} | {' | '.join(map(str, counts))} |")
    lines += ["", "| accuracy | median difference | 90 % within |", "| --- | ---: | ---: |"]
    for name in ASKED:
        pairs = [(r[f"told_{name}"], r[f"outcome_{name}"]) for r in rows if r[f"told_{name}"]]
        gap = np.array([float(a) - float(b) for a, b in pairs])
        wide = np.quantile(np.abs(gap), 0.9)
        lines.append(f"| {name.replace('_', ' ')} | {np.median(gap):+.4f} | {wide:.3f} |")
    return [*lines, ""]


def parted(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The spaces of the ledger, and the fresh ones."""
    return [row for row in rows if not row["fresh"]], [row for row in rows if row["fresh"]]


def best(row: Row) -> float:
    """The best accuracy that was measured apart."""
    return max(float(row[f"outcome_{name}"]) for name in ASKED)


def agreement(rows: list[Row]) -> float:
    """The share of the spaces of which the first sentence says the word of the outcome."""
    return float(np.mean([row["says_worth"] == word(way(row, "outcome")) for row in rows]))


def statements(rows: list[Row]) -> list[str]:
    """Every statement that is held to an outcome, in how many spaces it holds, and the failures."""
    lines, failures = (
        [STATED, "| said | of the ledger | of the fresh |", "| --- | ---: | ---: |"],
        [],
    )
    for one in STATEMENTS:
        cells = []
        for some in parted(rows):
            said = [row for row in some if one.said(row)]
            wrong = [row for row in said if not one.holds(row)]
            cells.append(f"{len(said) - len(wrong)} of {len(said)}")
            failures += [
                f"- *{row['family']}, {row['name']}*: {one.text}"
                f" (it is {row['kind']}; best accuracy {best(row):.3f}, by the nearest mean "
                f"{float(row['outcome_nearest_mean']):.3f})"
                for row in wrong
            ]
        lines.append(f"| {one.text} | {' | '.join(cells)} |")
    told = ["", "What did not hold:", "", *failures] if failures else ["", "All of them held."]
    return [*lines, *told, ""]


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
