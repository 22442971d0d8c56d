"""The five numbers to watch, one for each question: their floors, and which a run logs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax.frames import coherence_floor
from gramax.metrics.names import full_name
from gramax.metrics.registry import METRICS, Question

HEADLINE: dict[Question, str] = {
    "collapse": "collapse_ratio",
    "rank": "effective_rank",
    "simplex": "class_simplex_error_centred",
    "crosstalk": "class_coherence",
    "reach": "class_frame_potential",
}
"""The metric that stands for each audit question."""


def simplex_floor(c: int, d: int) -> float:
    """A floor of the simplex error of c unit codes in d dimensions: sqrt(max(0, 1/d - 1/(c-1))).

    |G - T|² = |G|² - 2⟨G, T⟩ + |T|² with |G|² ≥ c²/d and ⟨G, T⟩ ≤ |T|² = c²/(c-1). Tight frames
    whose codes sum to 0 attain both. For c = d+2 they are there for even c alone: for odd c the
    least error is somewhat larger (.2973 for 5 codes in 3 dimensions, where this is .2887).
    """
    return math.sqrt(max(0.0, 1 / d - 1 / max(c - 1, 1)))


def potential_floor(c: int, d: int) -> float:
    """Frame potential of the best c unit codes that are told apart by their sign.

    c²/(c-1) of a simplex where one fits, c²/d of a tight frame where none does. Where c ≤ d,
    orthonormal codes have less, which is c: descent of the frame potential alone ends there.
    """
    return c * c / min(c - 1, d)


def floors(c: int, d: int) -> dict[str, float]:
    """What each headline metric of c classes in d dimensions is held against, by metric name.

    A simplex wherever one fits (c ≤ d+1), the best known lower bound where it does not; the rank
    is held against the directions that the classes need. Empty for fewer than two classes.

    Example:
        >>> {name: round(value, 3) for name, value in floors(4, 8).items()}
        {'collapse_ratio': 0.0, 'effective_rank': 3.0, 'class_simplex_error_centred': 0.0,
         'class_coherence': 0.333, 'class_frame_potential': 5.333}
    """
    if c < 2:
        return {}
    coherence = 1 / (c - 1) if c <= d + 1 else coherence_floor(c, d).value
    values = (0.0, float(min(c - 1, d)), simplex_floor(c, d), coherence, potential_floor(c, d))
    return dict(zip(HEADLINE.values(), values, strict=True))


@dataclass(frozen=True)
class LogConfig:
    """What a training run writes to its logger, and how often.

    Attributes:
        metrics: names of metrics (see `gramax metrics`), the headline of each question by default.
        prefix: stands before every name in the logger.
        every: audit every so many steps, epochs or evaluations; the adapter says of which.

    Raises:
        ValueError: a metric is unknown or needs more than moments hold, or `every` is not from 1.
    """

    metrics: tuple[str, ...] = tuple(HEADLINE.values())
    prefix: str = "latent/"
    every: int = 1

    def __post_init__(self) -> None:
        known = [metric.name for metric in METRICS]
        where = "LogConfig, of what moments determine"
        names = tuple(full_name(name, known, where) for name in self.metrics)
        object.__setattr__(self, "metrics", names)
        if self.every < 1:
            raise ValueError(f"every={self.every}: audits come every 1, 2, … times")
