"""The page of an audit, and that of a comparison: the verdict first, then pictures and numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._text import named
from gramax.audits.facts import SURE
from gramax.audits.portrait import Heat
from gramax.audits.portrait.order import similar_order
from gramax.metrics.registry import METRICS, QUESTIONS
from gramax.render.number_text import (
    CHANGE_MARKS,
    CHANGE_WORDS,
    STATUS_MARKS,
    abbreviations_told,
    comparison_headline,
    error_text,
    number,
    report_facts,
    report_notes,
    signed,
    sizes,
    spoken,
    z_score,
)
from gramax.render.page.html_file import render_page
from gramax.render.page.picture_data import pictures_data, point_classes_text
from gramax.render.page.svg_charts import cosine_chart, scree_chart

if TYPE_CHECKING:
    from gramax.audits.portrait import Portrait
    from gramax.audits.report import ClassView, Number, Report
    from gramax.comparison import Change, Comparison, Moved

MAX_TABLE_CLASSES = 1000
"""Classes in the table; of more than these, the loosest are shown."""


def audit_page(report: Report) -> str:
    """An audit as one HTML file; a report without a portrait gives a page without pictures."""
    portrait, places = report.portrait, {}
    pictures: dict[str, Any] = dict.fromkeys(("heat", "cosines", "scree", "cloud"))
    data = pictures_data(())
    if portrait is not None:
        views = [(heat, 1.0) for heat in (portrait.codes, portrait.centred) if heat is not None]
        data = pictures_data(portrait.names or ("all",), views, portrait.cloud)
        pictures |= _pictures(report, portrait)
        if heat := portrait.codes:
            places = {portrait.names[code]: k // heat.size for k, code in enumerate(heat.order)}
    every = len(report.classes)
    order = sorted(range(every), key=lambda k: -report.classes[k].within)[:MAX_TABLE_CLASSES]
    note = f"{every:,} classes"
    return render_page(
        "audit.html",
        data,
        report=report,
        facts=report_facts(report),
        answers=answer_values(report),
        notes=report_notes(report),
        pictures=any(pictures.values()) or bool(report.worst_pairs),
        pairs=[
            (pair, signed(pair.cosine), f"{places.get(pair.a, '')} {places.get(pair.b, '')}")
            for pair in report.worst_pairs
        ],
        classes=[_class(report.classes[k]) for k in sorted(order)],
        classes_note=note if len(order) == every else f"the {len(order):,} loosest of {note}",
        numbers=[_number(name, entry) for name, entry in report.numbers.items()],
        abbreviations=abbreviations_told(report.numbers),
        explained=any(entry.error for entry in report.numbers.values()),
        **pictures,
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


def _pictures(report: Report, portrait: Portrait) -> dict[str, Any]:
    """What the template draws."""
    shown: dict[str, Any] = {}
    if portrait.codes is not None:
        labels = ["As they lie", "Centred"] if portrait.centred else ["As they lie"]
        shown["heat"] = {"views": labels, "size": portrait.codes.size}
    if histogram := portrait.cosines:
        name, text, floor, simplex = "pairs of rows", "All pairs of the rows shown.", 0.0, None
        pairs = int(histogram.counts.sum())
        if histogram.of == "classes":
            name, text, floor = (
                "class codes",
                f"All {pairs:,} pairs of class codes.",
                portrait.floor,
            )
            simplex = -1 / (report.c - 1) if report.c <= report.d + 1 else None
        text += " Dashed: random directions."
        if pairs > 500:
            text += " The scale is logarithmic, so that few pairs show."
        shown["cosines"] = (name, text, cosine_chart(histogram, floor, simplex))
    if portrait.spectrum is not None:
        text = (
            f"Effective rank {number(report['effective_rank'])} of {min(report.n - 1, report.d):,}."
            " Dashed: isotropic rows of the same number (Marchenko-Pastur)."
        )
        shown["scree"] = (text, scree_chart(portrait.spectrum, report.c))
    if cloud := portrait.cloud:
        first, second = (f"{share:.0%}" for share in cloud.explained)
        count = len(cloud.points)
        which = f"{count:,} of {report.n:,} rows" if count < report.n else f"All {count:,} rows"
        shown["cloud"] = f"{which}; across {first} of their variance, up {second}."
        shown["cloud"] += point_classes_text(cloud)
    return shown


def _class(view: ClassView) -> tuple[str, ...]:
    known = view.nearest is not None and view.cosine is not None
    return (
        named(view.name),
        f"{view.count:,}",
        number(view.within),
        f"{view.share:.1%}",
        *((named(view.nearest), signed(view.cosine)[:6]) if known else ("–", "–")),
    )


def _number(name: str, entry: Number) -> dict[str, str]:
    metric, value = METRICS[name], entry.value
    defined = math.isfinite(value)
    random = entry.chance if defined else None
    return {
        "name": name,
        "meaning": metric.meaning,
        "question": metric.question,
        "value": number(value),
        "reason": "" if defined else (entry.reason or "not finite"),
        "many_rows": number(entry.companion.value) if entry.companion and entry.few_rows else "",
        "error": error_text(entry.error.error if entry.error and defined else None),
        "chance": number(random.mean) if random else "–",
        "z": z_score(random.z(value)) if random else "–",
        "better": metric.direction.replace("neither", "–"),
    }


def comparison_page(found: Comparison) -> str:
    """A comparison as one HTML file."""
    heats, places = [], {}
    if found.cosines is not None:  # A, B and the change, in the order of B's clusters
        before, after = found.cosines
        order = similar_order(after)
        places = {found.names[code]: k for k, code in enumerate(order)}
        first, second = np.meshgrid(order, order, indexing="ij")
        for values, limit in ((before, 1.0), (after, 1.0), (after - before, 2.0)):
            heats.append((Heat(order, 1, values[first, second], first, second), limit))
    return render_page(
        "compare.html",
        pictures_data(found.names, heats),
        found=found,
        headline=comparison_headline(found),
        sides=[
            (k, side, sizes(side.n, side.d, side.c))
            for k, side in zip("AB", (found.a, found.b), strict=True)
        ],
        alignment=[
            (one, number(one.value), error_text(one.error), number(one.chance.mean))
            for one in found.alignment
        ],
        heat=bool(heats),
        moved=[_moved(pair, places) for pair in found.moved],
        numbers=[_change(name, change) for name, change in found.items()],
        abbreviations=abbreviations_told(found),
        sure=f"{SURE:g}",
    )


def _moved(pair: Moved, places: dict[str, int]) -> dict[str, str]:
    error = f" ± {pair.error:.2g}" if pair.error is not None else ""
    return {
        "a": pair.a,
        "b": pair.b,
        "before": signed(pair.before),
        "after": signed(pair.after),
        "change": f"{signed(pair.after - pair.before)}{error}",
        "kind": pair.kind,
        "verdict": f"{CHANGE_MARKS[pair.kind]} {CHANGE_WORDS[pair.kind]}",
        "cell": f"{places.get(pair.a, '')} {places.get(pair.b, '')}",
    }


def _change(name: str, change: Change) -> dict[str, str]:
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
        "verdict": f"{CHANGE_MARKS[change.kind]} {CHANGE_WORDS[change.kind]}",
        "reason": change.reason,
    }
