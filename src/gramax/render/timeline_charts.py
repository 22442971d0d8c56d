"""What a timeline shows: the tracks of the runs, and one chart for each question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gramax.audits.run_log import Entry
from gramax.errors import InputError
from gramax.render import style
from gramax.render.panels import Floor

MAX_TRACKS = 10
"""Tracks of one picture: as many as there are colours that can be told apart."""

CHARTS = {
    "collapse_ratio": "Collapse ratio",
    "effective_rank": "Effective rank",
    "class_simplex_error_centred": "Simplex error",
    "class_coherence": "Worst crosstalk",
}
"""The charts: their metric and their title."""


@dataclass(frozen=True)
class Track:
    """The audits of one run, or of one kind of rows of it, in order of their steps."""

    label: str
    colour: style.RGB
    entries: tuple[Entry, ...]

    @property
    def steps(self) -> np.ndarray:
        """Steps, rising."""
        return np.asarray([entry.step for entry in self.entries], float)

    def values(self, metric: str) -> np.ndarray:
        """The metric by audit, NaN where it is undefined or was not logged."""
        return np.asarray([entry.numbers.get(metric, math.nan) for entry in self.entries])


@dataclass(frozen=True)
class Chart:
    """One metric over training: its value axis, and its floor."""

    metric: str
    log: bool
    limits: tuple[float, float]
    ticks: tuple[float, float]
    floor: Floor | None

    @property
    def title(self) -> str:
        """The metric in words."""
        return CHARTS[self.metric]


def tracks_of(runs: Mapping[str, Sequence[Entry]]) -> list[Track]:
    """Tracks by label, in colours that colour-blind eyes tell apart.

    Raises:
        InputError: there are more than `MAX_TRACKS`, or none.
    """
    if not 0 < len(runs) <= MAX_TRACKS:
        raise InputError(
            f"{len(runs)} runs (counting every kind of rows) in one picture; "
            f"up to {MAX_TRACKS} can be told apart: name fewer files, or one kind of rows with "
            "--rows"
        )
    colours = style.CLASSES if len(runs) > 1 else [style.METRIC]
    return [
        Track(label, colour, tuple(entries))
        for colour, (label, entries) in zip(colours, runs.items(), strict=False)
    ]


def stretch_of(steps: np.ndarray) -> float:
    """The first gap, beyond which a logarithm of the steps reads best; 0 where it does not.

    It does where audits came more often at the start.
    """
    gaps = np.diff(steps)
    denser = gaps.size and gaps.min() > 0 and gaps.max() > 4 * gaps.min() and steps[0] < 2
    return float(gaps[0]) if denser else 0.0


def telling_places(values: np.ndarray, most: int) -> np.ndarray:
    """Places of at most `most` (5 or more) values that show their course and all its extremes.

    Evenly spaced places would miss what lasts for one audit. These are the first, the least, the
    largest and the first undefined value of each of equal parts, and the last value of all.
    """
    if len(values) <= most:
        return np.arange(len(values))
    kept = {len(values) - 1}
    for part in np.array_split(np.arange(len(values)), (most - 1) // 4):
        defined = part[np.isfinite(values[part])]
        kept |= {int(part[0]), *part[~np.isfinite(values[part])][:1].tolist()}
        if defined.size:
            kept |= {int(defined[pick(values[defined])]) for pick in (np.argmin, np.argmax)}
    return np.sort(list(kept))


def chart_of(tracks: Sequence[Track], metric: str) -> Chart:
    """The chart of a metric, with limits that hold every track and the floor."""
    values = np.concatenate([track.values(metric) for track in tracks])
    finite = values[np.isfinite(values)]
    if metric == "collapse_ratio":
        powers = np.log10(finite[finite > 0]) if (finite > 0).any() else np.array([-3.0, 0.0])
        low = np.floor(powers.min())
        ends = float(10.0**low), float(10.0 ** max(np.ceil(powers.max()), low + 1))
        return Chart(metric, True, (ends[0], 1.5 * ends[1]), ends, None)
    floor = _floor(tracks, metric)
    known = [*finite, *([floor.value] if floor else [])]
    highest = max(*known, 1e-12) if known else 1.0
    power = 10.0 ** np.floor(np.log10(highest))
    top = float(next(m for m in (1, 2, 3, 4, 5, 6, 8, 10) if m * power >= highest) * power)
    if metric == "class_coherence":
        top = 1.0
    # Below a low floor there is room for its text.
    below = 0.42 if floor and floor.value < 0.25 * top else 0.0
    if floor and not below:  # the text stands on the side where no curve ends
        ends = [v[np.isfinite(v)][-1:] for v in (track.values(metric) for track in tracks)]
        above = np.mean(np.concatenate([*ends, [floor.value]])) < floor.value
        floor = Floor(floor.value, floor.label, bool(above))
    return Chart(metric, False, (-below * top, 1.08 * top), (0.0, top), floor)


def _floor(tracks: Sequence[Track], metric: str) -> Floor | None:
    """The floor that all tracks share, at their last audit."""
    found = {track.entries[-1].floors.get(metric, math.nan) for track in tracks}
    if len(found) != 1 or not math.isfinite(value := found.pop()):
        return None
    last = tracks[0].entries[-1]
    fits = last.c <= last.d + 1
    if metric == "effective_rank":
        return Floor(value, f"{last.c} classes need {value:g}")
    if metric == "class_simplex_error_centred" and fits:
        return Floor(value, "floor 0: a simplex")
    crosstalk_fits = fits and metric == "class_coherence"
    return Floor(value, f"{'simplex' if crosstalk_fits else 'floor'} {value:.3g}")
