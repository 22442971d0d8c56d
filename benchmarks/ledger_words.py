"""What an audit says of a space, in its words, held to what was measured apart.

Every statement says when it is made and where its outcome has to lie: on the way from always naming
the largest class (0) to getting every row right (1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gramax.audits.thresholds import HARDLY_APART, TOLD_APART

ASKED = ("probe", "nearest_neighbour", "nearest_mean")
NEAR = 0.05
"""What two ways of measuring may differ by without one contradicting the other."""

Row = dict[str, str]


def way(row: Row, source: str, names: tuple[str, ...] = ASKED) -> float:
    """How far the best of these accuracies ("told" or "outcome") lies on the way to 1."""
    best, base = max(float(row.get(f"{source}_{name}") or 0) for name in names), row["largest"]
    return (best - float(base)) / (1 - float(base))


def word(share: float) -> str:
    """The word of the first sentence for a share of the way."""
    return "good" if share > TOLD_APART else "poor" if share < HARDLY_APART else "fair"


class Statement(NamedTuple):
    """Something that is said, of which spaces, and whether the outcome bears it out."""

    text: str
    said: Callable[[Row], bool]
    holds: Callable[[Row], bool]


def apart(names: tuple[str, ...] = ASKED) -> Callable[[Row], bool]:
    return lambda row: way(row, "outcome", names) > TOLD_APART - NEAR


def in_part(row: Row) -> bool:
    return HARDLY_APART - NEAR < way(row, "outcome") < TOLD_APART + NEAR


def hardly(names: tuple[str, ...] = ASKED) -> Callable[[Row], bool]:
    return lambda row: way(row, "outcome", names) < HARDLY_APART + NEAR


def not_all(row: Row) -> bool:
    return way(row, "outcome") < TOLD_APART + NEAR


def is_(column: str, *words: str) -> Callable[[Row], bool]:
    return lambda row: row[column] in words


def has(name: str) -> Callable[[Row], bool]:
    return lambda row: name in row["properties"].split("; ")


MEANS = ("nearest_mean",)

STATEMENTS = (
    Statement("the classes can be told apart", is_("says_worth", "good"), apart()),
    Statement("they can be told apart in part", is_("says_worth", "fair"), in_part),
    Statement("they cannot be told apart", is_("says_worth", "poor"), hardly()),
    Statement("kind: healthy", is_("kind", "healthy"), apart()),
    Statement("kind: neural-collapsed", is_("kind", "neural-collapsed"), apart(MEANS)),
    Statement("kind: overlapping", is_("kind", "overlapping"), not_all),
    Statement("kind: random", is_("kind", "random"), hardly()),
    Statement("kind: interleaved", is_("kind", "interleaved"), hardly(MEANS)),
    Statement("kind: point-collapsed", is_("kind", "point-collapsed"), hardly()),
    Statement("collapse, good: classes are tight", is_("says_collapse", "good"), apart(MEANS)),
    Statement(
        "collapse, poor: means are where random labels put them",
        is_("says_collapse", "poor"),
        hardly(MEANS),
    ),
    Statement("rank, poor", is_("says_rank", "poor"), not_all),
    Statement("property: narrow spectrum", has("narrow spectrum"), not_all),
    Statement(
        "the kind, where the making is known",
        lambda row: bool(row["makings"]),
        lambda row: row["kind"] in row["makings"].split("; "),
    ),
)
