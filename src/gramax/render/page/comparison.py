"""The page of a comparison: what changed, whether it is real, and which classes moved."""

from __future__ import annotations

import math

import numpy as np

from gramax.audits.facts import SURE
from gramax.audits.portrait import Heat
from gramax.audits.portrait.order import similar_order
from gramax.comparison import Alignment, Change, Comparison, Moved, Side
from gramax.data.text import named
from gramax.metrics.registry import METRICS
from gramax.render.page.pictures import pictures_data
from gramax.render.page.shell import render_page
from gramax.render.words import KIND_MARKS, KIND_WORDS, headline, number, score, signed


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
        headline=headline(found),
        sides=[_side("A", found.a), _side("B", found.b)],
        alignment=[_alignment(one) for one in found.alignment],
        heat=bool(heats),
        moved=[_moved(pair, places) for pair in found.moved],
        numbers=[_number(name, change) for name, change in found.items()],
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
    classes = f"{side.c:,} classes" if side.c else "no labels"
    return {
        "letter": letter,
        "source": side.source,
        "kind": side.kind,
        "text": side.text,
        "facts": f"{side.source}: {side.n:,} rows × {side.d:,} dimensions · {classes}",
    }


def _alignment(one: Alignment) -> dict[str, str]:
    return {
        "name": one.name,
        "meaning": one.meaning,
        "value": number(one.value),
        "error": f"{one.error:.2g}" if one.error is not None else "–",
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
        "verdict": f"{KIND_MARKS[pair.kind]} {KIND_WORDS[pair.kind]}",
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
        "error": f"{change.error:.2g}" if change.error is not None else "–",
        "z": score(change.z),
        "kind": change.kind,
        "mark": KIND_MARKS[change.kind],
        "word": KIND_WORDS[change.kind],
        "reason": change.reason,
    }
