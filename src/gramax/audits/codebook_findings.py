"""What an audit finds of a codebook beyond its numbers, as plain data: which codes, which pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.codebook import NEAR_PAIR, groups_of
from gramax.metrics.dictionary import CodeEvidence

COPY = 1e-6
"""What the |cosine| of two copies may lack of 1, in float32."""

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Quantiles of the dimensionality of codes that are told."""


@dataclass(frozen=True)
class Active:
    """What happens while k random codes are active at once, each with 1.

    Attributes:
        k: how many.
        drowned: share of the draws in which a silent code reads as loud as an active one.
        interference: root mean square reading of a silent code, exact.
        loudest: the largest reading of a silent code, on average over draws.
        quietest: the least reading of an active code, on average over draws.
    """

    k: int
    drowned: float
    interference: float
    loudest: float
    quietest: float


@dataclass(frozen=True)
class CodebookFindings:
    """Which codes are dead, alike or opposite, and how many can be active at once.

    Attributes:
        complex: whether the codes are complex, so that cosines have no sign.
        threshold: the |cosine| from which on a pair is near.
        pairs: near pairs; opposite: those of them with a negative cosine.
        copies: near pairs, of those listed, that are copies up to rounding, or their opposites.
        expected: near pairs to expect among as many random codes.
        near: the near pairs (name, name, cosine), the largest |cosine| first: all of up to 100,000.
        groups: the names of codes that near pairs with a positive cosine join.
        dead: the names of the codes that are zero.
        active: what happens while 1, 2, ... random codes are active.
        dimensionality: `[c]` of each code, NaN for a dead one.
    """

    complex: bool
    threshold: float
    pairs: int
    opposite: int
    copies: int
    expected: float
    near: tuple[tuple[str, str, float], ...]
    groups: tuple[tuple[str, ...], ...]
    dead: tuple[str, ...]
    active: tuple[Active, ...]
    dimensionality: Float[np.ndarray, " c"] = field(repr=False, compare=False)

    def quantiles(self) -> dict[float, float]:
        """Of the dimensionality of the codes, by the share of codes below."""
        values = self.dimensionality[np.isfinite(self.dimensionality)]
        if not len(values):
            return {}
        return dict(zip(SHARES, np.quantile(values, SHARES).tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: null for the dimensionality of a dead code."""
        plain = {name: value for name, value in vars(self).items() if name != "dimensionality"}
        each = [float(f"{v:.6g}") if v == v else None for v in self.dimensionality.tolist()]
        return plain | {
            "near": [{"a": a, "b": b, "cosine": cosine} for a, b, cosine in self.near],
            "groups": [list(group) for group in self.groups],
            "dead": list(self.dead),
            "active": [vars(one) for one in self.active],
            "dimensionality": {
                "quantiles": {f"{share:g}": value for share, value in self.quantiles().items()},
                "each": each,
            },
        }


def findings_of(e: CodeEvidence, names: tuple[str, ...], expected: float) -> CodebookFindings:
    """What the passes over a codebook found; random codes have `expected` near pairs."""
    a, b, cosines = e.sweep.pairs.trim()
    alike = cosines > 0
    heard = (e.per_code.loudest.mean(axis=0), e.per_code.quietest.mean(axis=0))
    columns = np.stack([e.drowned, e.interference, *heard], axis=1).tolist()
    return CodebookFindings(
        complex=e.book.complex,
        threshold=NEAR_PAIR,
        pairs=e.sweep.pairs.count,
        opposite=e.sweep.pairs.opposite,
        copies=int(np.count_nonzero(np.abs(cosines) > 1 - COPY)),
        expected=expected,
        near=tuple(
            (names[i], names[j], round(float(np.clip(cosine, -1, 1)), 6))
            for i, j, cosine in zip(a.tolist(), b.tolist(), cosines.tolist(), strict=True)
        ),
        groups=tuple(tuple(names[k] for k in g) for g in groups_of((a[alike], b[alike]))),
        dead=tuple(names[k] for k in np.flatnonzero(e.sums.dead)),
        active=tuple(Active(int(k), *one) for k, one in zip(e.active, columns, strict=True)),
        dimensionality=np.where(e.sums.alive, e.per_code.dimensionality, np.nan),
    )
