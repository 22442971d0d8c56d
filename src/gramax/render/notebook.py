"""A report as a notebook shows it: compact HTML without script, every text escaped."""

from __future__ import annotations

from gramax.render.page.audit import answers_of, facts
from gramax.render.page.shell import template
from gramax.reports import Report


def report_html(report: Report) -> str:
    """The verdict of a report as an HTML fragment."""
    return template("notebook.html").render(
        report=report, facts=facts(report), answers=answers_of(report)
    )
