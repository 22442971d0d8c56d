"""The page of an audit, and that of a decision: the verdict first, then pictures and numbers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from gramax.audits.codebook_verdict import codebook_lines
from gramax.audits.verdict import tell_worth
from gramax.render.audit_charts import cosine_chart, spectrum_chart
from gramax.render.number_text import (
    abbreviations_told,
    asked_numbers,
    confused_text,
    references_told,
    report_facts,
    report_notes,
)
from gramax.render.page.html_file import render_page
from gramax.render.page.picture_data import pictures_data, point_classes_text
from gramax.render.page.svg_charts import line_chart

if TYPE_CHECKING:
    from gramax.audits.portrait import Portrait
    from gramax.audits.report import Report
    from gramax.decide.decision import Decision

MAX_TABLE_CLASSES = 1000
"""Classes in the table; of more than these, the loosest are shown."""


def audit_page(report: Report) -> str:
    """An audit as one HTML file; a report without a portrait gives a page without pictures."""
    portrait = report.portrait
    places: defaultdict[str, Any] = defaultdict(str)
    pictures: dict[str, Any] = dict.fromkeys(("heat", "charts", "cloud"))
    data = pictures_data(())
    if portrait is not None:
        views = [(heat, 1.0) for heat in (portrait.codes, portrait.centred) if heat is not None]
        data = pictures_data(portrait.names or ("all",), views, portrait.cloud)
        pictures |= _pictures(report, portrait)
        if heat := portrait.codes:
            places |= {portrait.names[code]: k // heat.size for k, code in enumerate(heat.order)}
    every = len(report.classes)
    order = sorted(range(every), key=lambda k: -report.classes[k].within)[:MAX_TABLE_CLASSES]
    note = f"{every:,} classes"
    return render_page(
        "audit.html",
        data,
        report=report,
        codebook=codebook_lines(report),
        worth=tell_worth(report),
        facts=report_facts(report),
        notes=report_notes(report),
        pictures=any(pictures.values()) or bool(report.worst_pairs),
        places=places,
        classes=[report.classes[k] for k in sorted(order)],
        classes_note=note if len(order) == every else f"the {len(order):,} loosest of {note}",
        abbreviations=abbreviations_told(name for name, _ in asked_numbers(report)),
        numbers=asked_numbers(report),
        references=references_told(report.numbers.values()),
        confused=confused_text(report),
        explained=any(entry.error for entry in report.numbers.values()),
        **pictures,
    )


def _pictures(report: Report, portrait: Portrait) -> dict[str, Any]:
    """What the template draws."""
    shown: dict[str, Any] = {}
    if portrait.codes is not None:
        labels = ["As they lie", "Centred"] if portrait.centred else ["As they lie"]
        shown["heat"] = {"views": labels, "size": portrait.codes.size}
    charts = [cosine_chart(report, portrait.cosines, portrait.floor)] if portrait.cosines else []
    charts += [spectrum_chart(report, portrait.spectrum)] if portrait.spectrum else []
    shown["charts"] = [(chart, line_chart(chart)) for chart in charts]
    if cloud := portrait.cloud:
        first, second = (f"{share:.0%}" for share in cloud.explained)
        count = len(cloud.points)
        which = f"{count:,} of {report.n:,} rows" if count < report.n else f"All {count:,} rows"
        shown["cloud"] = f"{which}; across {first} of their variance, up {second}."
        shown["cloud"] += point_classes_text(cloud)
    return shown


def decision_page(found: Decision) -> str:
    """A decision as one HTML file: the sentence that decides, the picture, the tables."""
    chart, heat = found.chart(), found.heat_maps()
    data = pictures_data(heat.names, [view[1:] for view in heat.views]) if heat else None
    return render_page(
        "decision.html",
        data or pictures_data(()),
        found=found,
        chart=chart,
        drawing=line_chart(chart) if chart else None,
        heat=heat,
    )
