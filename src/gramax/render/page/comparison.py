"""The page of a comparison: what changed, whether it is real, and which classes moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gramax._text import named
from gramax.audits.portrait import Heat, similar_order
from gramax.audits.thresholds import SURE
from gramax.metrics.registry import METRICS
from gramax.render.number_text import (
    CHANGE_MARKS,
    CHANGE_WORDS,
    abbreviations_told,
    comparison_headline,
    error_text,
    number,
    signed,
    sizes,
    z_score,
)
from gramax.render.page.html_file import render_page
from gramax.render.page.picture_data import pictures_data

if TYPE_CHECKING:
    from gramax.comparison import Alignment, Change, Comparison, Moved, Side


def comparison_page(found: Comparison) -> str:
    """A comparison as one HTML file.

    Args:
        found: from `gramax.compare`.
    """
    heats = _heats(found)
    places: dict[str, int] = {}
    data = pictures_data(found.names, list(zip(heats, (1.0, 1.0, 2.0), strict=False)))
    if heats:
        places = {found.names[code]: k for k, code in enumerate(heats[0].order)}
    return render_page(
        "compare.html",
        data,
        found=found,
        headline=comparison_headline(found),
        sides=[_side("A", found.a), _side("B", found.b)],
        alignment=[_alignment(one) for one in found.alignment],
        heat=bool(heats),
        moved=[_moved(pair, places) for pair in found.moved],
        numbers=[_number(name, change) for name, change in found.items()],
        abbreviations=abbreviations_told(found),
        sure=f"{SURE:g}",
    )


def _heats(found: Comparison) -> tuple[Heat, ...]:
    """A, B and the change, in the order of B's clusters."""
    if found.cosines is None:
        return ()
    before, after = found.cosines
    order = similar_order(after)
    first, second = np.meshgrid(order, order, indexing="ij")
    return tuple(
        Heat(order, 1, values[first, second], first, second)
        for values in (before, after, after - before)
    )


def _side(letter: str, side: Side) -> dict[str, str]:
    return {
        "letter": letter,
        "source": side.source,
        "kind": side.kind,
        "text": side.text,
        "facts": f"{side.source}: {sizes(side.n, side.d, side.c)}",
    }


def _alignment(one: Alignment) -> dict[str, str]:
    return {
        "name": one.name,
        "meaning": one.meaning,
        "value": number(one.value),
        "error": error_text(one.error),
        "chance": number(one.chance.mean),
    }


def _moved(pair: Moved, places: dict[str, int]) -> dict[str, str]:
    error = f" ± {pair.error:.2g}" if pair.error is not None else ""
    return {
        "a": named(pair.a),
        "b": named(pair.b),
        "before": signed(pair.before),
        "after": signed(pair.after),
        "change": f"{signed(pair.after - pair.before)}{error}",
        "kind": pair.kind,
        "verdict": f"{CHANGE_MARKS[pair.kind]} {CHANGE_WORDS[pair.kind]}",
        "cell": f"{places.get(pair.a, '')} {places.get(pair.b, '')}",
    }


def _number(name: str, change: Change) -> dict[str, str]:
    known = math.isfinite(change.difference)
    return {
        "name": name,
        "meaning": METRICS[name].meaning if name in METRICS else "",
        "before": number(change.before),
        "after": number(change.after),
        "change": f"{change.difference:+.3g}".replace("-", "−") if known else "–",
        "error": error_text(change.error),
        "z": z_score(change.z),
        "kind": change.kind,
        "mark": CHANGE_MARKS[change.kind],
        "word": CHANGE_WORDS[change.kind],
        "reason": change.reason,
    }
