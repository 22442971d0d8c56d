"""The page of one audit: the verdict first, then pictures, classes and every number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gramax._text import named
from gramax.metrics.registry import METRICS, QUESTIONS
from gramax.render.number_text import (
    STATUS_MARKS,
    abbreviations_told,
    error_text,
    number,
    report_facts,
    report_notes,
    signed,
    spoken,
    z_score,
)
from gramax.render.page.html_file import render_page
from gramax.render.page.picture_data import pictures_data, point_classes_text
from gramax.render.page.svg_charts import cosine_chart, scree_chart

if TYPE_CHECKING:
    from gramax.audits.portrait import Heat, Portrait
    from gramax.audits.report import ClassView, Number, Report

MAX_TABLE_CLASSES = 1000
"""Classes in the table; of more than these, the loosest are shown."""


def audit_page(report: Report) -> str:
    """An audit as one HTML file.

    Args:
        report: from `gramax.audit`; without a portrait the page has no pictures.
    """
    portrait = report.portrait
    values: dict[str, Any] = dict.fromkeys(("heat", "cosines", "scree", "cloud"))
    data = pictures_data(())
    if portrait is not None:
        views = [(heat, 1.0) for heat in (portrait.codes, portrait.centred) if heat is not None]
        data = pictures_data(portrait.names or ("all",), views, portrait.cloud)
        values |= _pictures(report, portrait)
    shown = _loosest(report.classes)
    return render_page(
        "audit.html",
        data,
        report=report,
        facts=report_facts(report),
        answers=answer_values(report),
        notes=report_notes(report),
        pictures=any(values.values()) or bool(report.worst_pairs),
        pairs=_pairs(report, portrait),
        classes=[_class(view) for view in shown],
        classes_note=_classes_note(len(shown), len(report.classes)),
        numbers=[_number(name, entry) for name, entry in report.numbers.items()],
        abbreviations=abbreviations_told(report.numbers),
        explained=any(entry.error for entry in report.numbers.values()),
        **values,
    )


def answer_values(report: Report) -> list[dict[str, str]]:
    """The five questions as the templates show them."""
    return [
        {
            "status": answer.status,
            "mark": STATUS_MARKS[answer.status],
            "asks": QUESTIONS[answer.question],
            "text": answer.text,
            "value": number(answer.value),
            "metric": spoken(answer.metric),
            "against": answer.against,
        }
        for answer in report.answers
    ]


def _loosest(views: Sequence[ClassView]) -> list[ClassView]:
    """The loosest classes, as many as the table has room for, in their own order."""
    order = sorted(range(len(views)), key=lambda k: -views[k].within)[:MAX_TABLE_CLASSES]
    return [views[k] for k in sorted(order)]


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
        shown["cloud"] += point_classes_text(portrait.cloud)
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


def _class(view: ClassView) -> dict[str, str]:
    return {
        "name": named(view.name),
        "count": f"{view.count:,}",
        "within": number(view.within),
        "share": f"{view.share:.1%}",
        "nearest": named(view.nearest) if view.nearest is not None else "–",
        "cosine": signed(view.cosine)[:6] if view.cosine is not None else "–",
    }


def _classes_note(shown: int, every: int) -> str:
    return f"{every:,} classes" if shown == every else f"the {shown:,} loosest of {every:,} classes"


def _number(name: str, entry: Number) -> dict[str, str]:
    metric, random, value = METRICS[name], entry.chance, entry.value
    defined = math.isfinite(value)
    return {
        "name": name,
        "meaning": metric.meaning,
        "question": metric.question,
        "value": number(value),
        "reason": "" if defined else (entry.reason or "not finite"),
        "many_rows": number(entry.companion.value) if entry.companion and entry.few_rows else "",
        "error": error_text(entry.error.error if entry.error and defined else None),
        "chance": number(random.mean) if random and defined else "–",
        "z": z_score(random.z(value)) if random and defined else "–",
        "better": {"lower": "lower", "higher": "higher", "neither": "–"}[metric.direction],
    }
