"""What a timeline shows: the tracks of the runs, and one chart for each question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gramax.audits.run_log import Entry
from gramax.errors import InputError
from gramax.render import style
from gramax.render.axis_scales import decades, round_up

MAX_TRACKS = 10
"""Tracks of one picture: as many as there are colours that can be told apart."""

CHARTS = {
    "collapse_ratio": ("Collapse ratio", True),
    "effective_rank": ("Effective rank", False),
    "class_simplex_error_centred": ("Simplex error", False),
    "class_coherence": ("Worst crosstalk", False),
}
"""The charts: their metric, title, and whether values stand on a logarithmic scale."""


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
    """One metric over training: its value axis, and its floor with a text for it."""

    metric: str
    title: str
    log: bool
    limits: tuple[float, float]
    ticks: tuple[float, ...]
    floor: tuple[float, str] | None


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
    one = len(runs) == 1
    return [
        Track(label, style.METRIC if one else style.class_colour(k), tuple(entries))
        for k, (label, entries) in enumerate(runs.items())
    ]


def charts_of(tracks: Sequence[Track], metrics: Sequence[str] = tuple(CHARTS)) -> list[Chart]:
    """The charts of these metrics, each with limits that hold every track and the floor."""
    return [_chart(tracks, metric, *CHARTS[metric]) for metric in metrics]


def floor_text_above(chart: Chart, tracks: Sequence[Track]) -> bool:
    """Whether the text of the floor stands above its line: the side where no curve ends."""
    if chart.floor is None or chart.limits[0] < 0:
        return False
    values = [track.values(chart.metric) for track in tracks]
    ends = [value[np.isfinite(value)][-1:] for value in values]
    return bool(np.mean(np.concatenate([*ends, [chart.floor[0]]])) < chart.floor[0])


def stretched(steps: np.ndarray) -> bool:
    """Whether audits came more often at the start, so that a logarithm of the steps reads best."""
    gaps = np.diff(steps)
    return bool(gaps.size and gaps.min() > 0 and gaps.max() > 4 * gaps.min() and steps[0] < 2)


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


def _chart(tracks: Sequence[Track], metric: str, title: str, log: bool) -> Chart:
    values = np.concatenate([track.values(metric) for track in tracks])
    floor = _floor(tracks, metric)
    if log:
        low, high = decades(values)
        return Chart(metric, title, True, (low, 1.5 * high), (low, high), None)
    finite = values[np.isfinite(values)]
    known = [*finite, *([floor[0]] if floor else [])]
    top = round_up(max(*known, 1e-12) if known else 1.0)
    if metric == "class_coherence":
        top = 1.0
    below = 0.42 if floor and floor[0] < 0.25 * top else 0.0  # room for the text
    return Chart(metric, title, False, (-below * top, 1.08 * top), (0.0, top), floor)


def _floor(tracks: Sequence[Track], metric: str) -> tuple[float, str] | None:
    """The floor that all tracks share, at their last audit."""
    found = {track.entries[-1].floors.get(metric, math.nan) for track in tracks}
    if len(found) != 1 or not math.isfinite(value := found.pop()):
        return None
    last = tracks[0].entries[-1]
    fits = last.c <= last.d + 1
    texts = {
        "effective_rank": f"{last.c} classes need {value:g}",
        "class_simplex_error_centred": "floor 0: a simplex" if fits else f"floor {value:.3g}",
        "class_coherence": f"{'simplex' if fits else 'floor'} {value:.3g}",
    }
    return value, texts.get(metric, f"floor {value:.3g}")
