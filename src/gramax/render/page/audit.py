"""The page of one audit: the verdict first, then pictures, classes and every number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gramax.portrait import Heat, Portrait
from gramax.registry import METRICS, QUESTIONS
from gramax.render.page.charts import cosine_chart, scree_chart
from gramax.render.page.pictures import cloud_data, heat_data
from gramax.render.page.shell import render_page
from gramax.render.terminal import MARKS
from gramax.render.words import number, score, signed
from gramax.reports import Number, Report

ROWS = 1000
"""Classes in the table; of more, the loosest."""


def audit_page(report: Report) -> str:
    """An audit as one HTML file.

    Args:
        report: from `gramax.audit`; without a portrait the page has no pictures.
    """
    portrait = report.portrait
    values: dict[str, Any] = dict.fromkeys(("heat", "cosines", "scree", "cloud"))
    data: dict[str, Any] = {"heat": None, "cloud": None}
    if portrait is not None:
        pictures, data = _pictures(report, portrait)
        values |= pictures
    classes = sorted(report.classes, key=lambda view: -view.within)[:ROWS]
    kept = {view.name for view in classes}
    return render_page(
        "audit.html",
        data,
        report=report,
        facts=facts(report),
        answers=answers_of(report),
        notes=notes(report),
        pictures=portrait is not None or bool(report.worst_pairs),
        pairs=_pairs(report, portrait),
        classes=[_class(view) for view in report.classes if view.name in kept],
        classes_note=_classes_note(len(kept), len(report.classes)),
        numbers=[_number(name, entry) for name, entry in report.numbers.items()],
        explained=any(entry.error for entry in report.numbers.values()),
        **values,
    )


def facts(report: Report) -> str:
    """Sizes in one line."""
    classes = f"{report.c:,} classes" if report.c else "no labels"
    where = "on the unit sphere" if report.normalized else "raw"
    return f"{report.n:,} rows × {report.d:,} dimensions · {classes} · {where}"


def notes(report: Report) -> list[str]:
    """Warnings, and the rows left out."""
    out = [f"{n:,} ({why.replace('_', ' ')})" for why, n in report.left_out.items() if n]
    return list(report.warnings) + ([f"Rows left out: {', '.join(out)}"] if out else [])


def answers_of(report: Report) -> list[dict[str, str]]:
    """The five questions as the templates show them."""
    return [
        {
            "status": answer.status,
            "mark": MARKS[answer.status],
            "asks": QUESTIONS[answer.question],
            "text": answer.text,
            "value": number(answer.value),
            "metric": answer.metric.removeprefix("class_").replace("_", " "),
            "against": answer.against,
        }
        for answer in report.answers
    ]


def _pictures(report: Report, portrait: Portrait) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the template draws, and the data of the script."""
    shown: dict[str, Any] = dict.fromkeys(("heat", "cosines", "scree", "cloud"))
    data: dict[str, Any] = {"heat": None, "cloud": None}
    names = portrait.names
    if portrait.codes is not None:
        views = [(portrait.codes, 1.0)] + ([(portrait.centred, 1.0)] if portrait.centred else [])
        labels = ["As they lie", "Centred"][: len(views)]
        shown["heat"] = {"views": labels, "size": portrait.codes.size}
        data["heat"] = heat_data(names, views)
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
        data["cloud"] = cloud_data(names or ("all",), portrait.cloud)
    return shown, data


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
            "a": pair.a,
            "b": pair.b,
            "cosine": signed(pair.cosine),
            "cell": f"{places.get(pair.a, '')} {places.get(pair.b, '')}",
        }
        for pair in report.worst_pairs
    ]


def cells_of(names: Sequence[str], heat: Heat) -> dict[str, int]:
    """The row of the heat map that each class stands in."""
    return {names[int(code)]: k // heat.size for k, code in enumerate(heat.order)}


def _class(view: Any) -> dict[str, str]:
    return {
        "name": view.name,
        "count": f"{view.count:,}",
        "within": number(view.within),
        "share": f"{view.share:.1%}",
        "nearest": view.nearest if view.nearest is not None else "–",
        "cosine": signed(view.cosine)[:6] if view.cosine is not None else "–",
    }


def _classes_note(shown: int, every: int) -> str:
    return f"{every:,} classes" if shown == every else f"the {shown:,} loosest of {every:,} classes"


def _number(name: str, entry: Number) -> dict[str, str]:
    metric, random, value = METRICS[name], entry.chance, entry.value
    defined = math.isfinite(value)
    error = entry.error.error if entry.error and defined else None
    return {
        "name": name.replace("_", " "),
        "meaning": metric.meaning,
        "question": metric.question,
        "value": number(value),
        "reason": "" if defined else (entry.reason or "not finite"),
        "error": f"{error:.2g}" if error is not None else "–",
        "chance": number(random.mean) if random and defined else "–",
        "z": score(random.z(value)) if random and defined else "–",
        "better": {"lower": "lower", "higher": "higher", "neither": "–"}[metric.direction],
    }
