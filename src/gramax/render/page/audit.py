"""The page of one audit: the verdict first, then pictures, classes and every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from gramax.audits.portrait import Heat, Portrait
from gramax.audits.report import ClassView, Number, Report
from gramax.data.text import named
from gramax.metrics.registry import METRICS, QUESTIONS
from gramax.render.page.charts import cosine_chart, scree_chart
from gramax.render.page.naming import Names
from gramax.render.page.pictures import page_names, pictures_data, points_told
from gramax.render.page.shell import render_page
from gramax.render.terminal import MARKS
from gramax.render.words import facts, left_out, number, score, signed, spoken

ROWS, TABLE, ROW = 1000, 100_000, 45
"""Classes in the table, bytes of it, and of a row beside names; of more, the loosest are shown."""


def audit_page(report: Report) -> str:
    """An audit as one HTML file.

    Args:
        report: from `gramax.audit`; without a portrait the page has no pictures.
    """
    portrait = report.portrait
    values: dict[str, Any] = dict.fromkeys(("heat", "cosines", "scree", "cloud"))
    data = pictures_data(())
    names = page_names([view.name for view in report.classes])
    if portrait is not None:
        views = [(heat, 1.0) for heat in (portrait.codes, portrait.centred) if heat is not None]
        data = pictures_data(portrait.names or ("all",), views, portrait.cloud)
        names = page_names(portrait.names)
        values |= _pictures(report, portrait)
    table = _table(report.classes, names)
    return render_page(
        "audit.html",
        data,
        report=report,
        facts=facts(report),
        answers=answers_of(report),
        notes=notes(report),
        pictures=any(values.values()) or bool(report.worst_pairs),
        prefix=names.prefix,
        pairs=_pairs(report, portrait),
        classes=table,
        classes_note=_classes_note(len(table), len(report.classes)),
        numbers=[_number(name, entry) for name, entry in report.numbers.items()],
        explained=any(entry.error for entry in report.numbers.values()),
        **values,
    )


def notes(report: Report) -> list[str]:
    """Warnings, and the rows left out."""
    return [*report.warnings, *filter(None, [left_out(report)])]


def answers_of(report: Report) -> list[dict[str, str]]:
    """The five questions as the templates show them."""
    return [
        {
            "status": answer.status,
            "mark": MARKS[answer.status],
            "asks": QUESTIONS[answer.question],
            "text": answer.text,
            "value": number(answer.value),
            "metric": spoken(answer.metric),
            "against": answer.against,
        }
        for answer in report.answers
    ]


def _table(views: Sequence[ClassView], names: Names) -> list[dict[str, str]]:
    """The rows of the classes; names are short, and tight classes left out, where all need it."""
    both = ((view.name, view.nearest) for view in views)
    shown = {name: named(name) for pair in both for name in pair if name is not None}
    kept = _loosest(views, shown)
    if len(kept) < len(views):
        shown |= names.shown
        kept = _loosest(views, shown)
    inside = {view.name for view in kept}
    return [_class(view, shown) for view in views if view.name in inside]


def _loosest(views: Sequence[ClassView], names: Mapping[str, str]) -> list[ClassView]:
    """The loosest classes, as many as the table has room for."""
    ordered = sorted(views, key=lambda view: -view.within)[:ROWS]
    shown = [(names[v.name], names.get(v.nearest or "", "")) for v in ordered]
    sizes = (ROW + sum(len(name.encode("utf-8", "replace")) for name in pair) for pair in shown)
    return [view for view, end in zip(ordered, accumulate(sizes), strict=True) if end <= TABLE]


def _pictures(report: Report, portrait: Portrait) -> dict[str, Any]:
    """What the template draws."""
    shown: dict[str, Any] = {}
    if portrait.codes is not None:
        labels = ["As they lie", "Centred"] if portrait.centred else ["As they lie"]
        shown["heat"] = {"views": labels, "size": portrait.codes.size}
    if portrait.cosines is not None:
        shown["cosines"] = _cosines(report, portrait)
    if portrait.spectrum is not None:
        drawing = scree_chart(portrait.spectrum, report.c)
        text = (
            f"Effective rank {number(report['effective_rank'])} of {min(report.n - 1, report.d):,}."
            " Dashed: isotropic rows of the same number (Marchenko-Pastur)."
        )
        shown["scree"] = {"drawing": drawing, "text": text}
    if portrait.cloud is not None:
        first, second = (f"{share:.0%}" for share in portrait.cloud.explained)
        count = len(portrait.cloud.points)
        which = f"{count:,} of {report.n:,} rows" if count < report.n else f"All {count:,} rows"
        shown["cloud"] = f"{which}; across {first} of their variance, up {second}."
        shown["cloud"] += points_told(portrait.cloud)
    return shown


def _cosines(report: Report, portrait: Portrait) -> dict[str, Any]:
    histogram = portrait.cosines
    assert histogram is not None
    if histogram.of == "rows":
        text, floor, simplex = "All pairs of the rows shown.", 0.0, None
    else:
        pairs = int(histogram.counts.sum())
        fits = report.c <= report.d + 1
        floor, simplex = portrait.floor, -1 / (report.c - 1) if fits else None
        text = f"All {pairs:,} pairs of class codes."
    text += " Dashed: random directions."
    if histogram.counts.sum() > 500:
        text += " Heights are square roots, so that few pairs show."
    name = "class codes" if histogram.of == "classes" else "pairs of rows"
    return {"of": name, "text": text, "drawing": cosine_chart(histogram, floor, simplex)}


def _pairs(report: Report, portrait: Portrait | None) -> list[dict[str, str]]:
    """The worst pairs, each with its cell in the heat map."""
    heat = portrait.codes if portrait else None
    places = cells_of(portrait.names, heat) if portrait and heat else {}
    return [
        {
            "a": named(pair.a),
            "b": named(pair.b),
            "cosine": signed(pair.cosine),
            "cell": f"{places.get(pair.a, '')} {places.get(pair.b, '')}",
        }
        for pair in report.worst_pairs
    ]


def cells_of(names: Sequence[str], heat: Heat) -> dict[str, int]:
    """The row of the heat map that each class stands in."""
    return {names[int(code)]: k // heat.size for k, code in enumerate(heat.order)}


def _class(view: ClassView, names: Mapping[str, str]) -> dict[str, str]:
    return {
        "name": names[view.name],
        "count": f"{view.count:,}",
        "within": number(view.within),
        "share": f"{view.share:.1%}",
        "nearest": names[view.nearest] if view.nearest is not None else "–",
        "cosine": signed(view.cosine)[:6] if view.cosine is not None else "–",
    }


def _classes_note(shown: int, every: int) -> str:
    return f"{every:,} classes" if shown == every else f"the {shown:,} loosest of {every:,} classes"


def _number(name: str, entry: Number) -> dict[str, str]:
    metric, random, value = METRICS[name], entry.chance, entry.value
    defined = math.isfinite(value)
    error = entry.error.error if entry.error and defined else None
    return {
        "name": name,
        "meaning": metric.meaning,
        "question": metric.question,
        "value": number(value),
        "reason": "" if defined else (entry.reason or "not finite"),
        "error": f"{error:.2g}" if error is not None else "–",
        "chance": number(random.mean) if random and defined else "–",
        "z": score(random.z(value)) if random and defined else "–",
        "better": {"lower": "lower", "higher": "higher", "neither": "–"}[metric.direction],
    }
