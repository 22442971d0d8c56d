"""What is known of a space when it is judged, and the comparisons that judgements share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gramax.audits.report import Pair
from gramax.uncertainty.chance.laws import Chance

if TYPE_CHECKING:
    from gramax.audits.headroom import Headroom

SURE = 3.0
"""Standard deviations from chance beyond which a number is not put down to it."""


@dataclass(frozen=True)
class Facts:
    """What the answers are made from.

    Attributes:
        n: rows; d: their length; c: classes with rows.
        labelled: whether the rows carry classes (or are themselves codes).
        values: numbers by metric name, NaN where undefined.
        reasons: why a number is undefined.
        chance: what chance gives for a number, where a law of it is known.
        floor: the largest lower bound on the coherence of c codes, and its name.
        worst: the pair of classes with the largest |cosine|, or None.
        merged: pairs of classes that these rows cannot tell apart.
        headroom: the worst crosstalk beside what is reachable, or None.
    """

    n: int
    d: int
    c: int
    labelled: bool
    values: Mapping[str, float]
    reasons: Mapping[str, str | None]
    chance: Mapping[str, Chance] = field(default_factory=dict)
    floor: tuple[float, str] = (0.0, "trivial")
    worst: Pair | None = None
    merged: tuple[Pair, ...] = ()
    headroom: Headroom | None = None

    @property
    def fits(self) -> bool:
        """Whether c codes can be a simplex in d dimensions."""
        return self.c <= self.d + 1

    @property
    def need(self) -> int:
        """Directions that the class codes need, or that unlabelled rows could use."""
        return min(self.c - 1 if self.labelled and self.c > 1 else self.n - 1, self.d)

    def defined(self, *names: str) -> bool:
        """Whether all these numbers are there."""
        return all(math.isfinite(self.values.get(name, math.nan)) for name in names)

    def by_chance(self, name: str) -> Chance:
        """What chance gives for a number; NaN where no law of it is known."""
        return self.chance.get(name, Chance(math.nan, math.nan, "unknown"))

    # -- the comparisons that answers and diagnosis share ---------------------------------------

    @property
    def labels_matter(self) -> bool:
        """Whether less of the scatter is within classes than random labels leave there."""
        name = "scatter_ratio"
        return self.defined(name) and self.by_chance(name).z(self.values[name]) < -SURE

    @property
    def tight(self) -> bool:
        """Whether all scatter within classes is less than one of the c-1 directions between."""
        share = self.values.get("scatter_ratio", math.nan)
        return share * (self.c - 1) < 1 - share

    @property
    def simplex(self) -> bool:
        """Whether centred cosines are nearer to -1/(c-1), a simplex, than to 0, orthogonality."""
        error = self.values.get("class_simplex_error_centred", math.nan)
        return self.fits and error < 0.5 / max(self.c - 1, 1)

    @property
    def rank_lost(self) -> bool:
        """Whether rows spread over less than half of the directions that they need."""
        return 2 * self.values.get("effective_rank", math.nan) < self.need

    @property
    def cone(self) -> bool:
        """Whether more of a row's squared length lies along the common direction than across."""
        return self.values.get("mean_cosine", math.nan) > 0.5
