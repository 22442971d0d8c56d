"""The pictures of an audit with matplotlib; `plot_report` draws all four of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._text import named
from gramax.render import style
from gramax.render.audit_charts import cosine_chart, spectrum_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gramax.audits.portrait import Portrait
    from gramax.audits.report import Report
    from gramax.decide.decision import Chart

__all__ = ["plot_cosines", "plot_gram", "plot_report", "plot_rows", "plot_spectrum"]

MAX_NAMED_CLASSES = 40
"""Up to this number of classes, the rows of the heat map carry names."""

ROWS_COLOUR, CHANCE_COLOUR = style.css(style.METRIC), style.css(style.SECOND)
LIMIT_COLOUR = style.css(style.CLASSES[1])


def plot_report(report: Report) -> Figure:
    """The picture of an audit: cosines of the codes, their histogram, the spectrum, the rows.

    Args:
        report: an audit with a portrait (`gramax.audit(..., portrait=True)` makes one whatever
            the number of classes).

    Returns:
        A figure; `plot_report(report).savefig("audit.png")` keeps it.

    Raises:
        ValueError: the report has no portrait.
        MissingExtraError: matplotlib is not installed.
    """
    portrait = _portrait(report)
    style.require()
    import matplotlib.pyplot as plt

    drawings = [plot_cosines, plot_spectrum, plot_rows]
    drawings = [plot_gram, *drawings] if portrait.codes is not None else drawings
    tall, wide = (2, 2) if len(drawings) == 4 else (1, 3)
    size = (5.6 * wide, 4.6 * tall)
    figure, axes = plt.subplots(tall, wide, figsize=size, layout="constrained")
    for ax, draw in zip(axes.flat, drawings, strict=True):
        draw(report, ax=ax)
    title = f"{report.title}: {report.diagnosis.kind}"
    figure.suptitle(title, fontweight="bold", parse_math=False)
    if "inline" in plt.get_backend():  # a notebook shows what a cell returns, and open figures too
        plt.close(figure)
    return figure


def plot_gram(report: Report, ax: Axes | None = None, *, centred: bool = False) -> Axes:
    """Heat map of the cosines of the class codes, similar classes together.

    Args:
        report: an audit with labels and a portrait.
        ax: the axes to draw on, which are returned; new ones by default.
        centred: after centring by the mean of the class means.

    Raises:
        ValueError: the report has no portrait, or fewer than two codes.
        MissingExtraError: matplotlib is not installed.
    """
    part, lacking = "centred" if centred else "codes", "fewer than two class codes: no cosines"
    portrait, heat, ax = _begun(report, part, lacking, ax)
    side = len(heat.cosines)
    image = ax.imshow(heat.cosines, cmap=style.cosine_map(), vmin=-1, vmax=1)
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    if heat.size == 1 and side <= MAX_NAMED_CLASSES:
        options = {"labels": [named(portrait.names[code]) for code in heat.order], "fontsize": 8}
        ax.set_xticks(range(side), rotation=90, parse_math=False, **options)
        ax.set_yticks(range(side), parse_math=False, **options)
    else:
        ax.set(xticks=[], yticks=[])
    block = f", {heat.size} classes a cell" if heat.size > 1 else ""
    ax.set_title(f"Cosines of {'centred ' if centred else ''}class codes{block}")
    return ax


def plot_cosines(report: Report, ax: Axes | None = None) -> Axes:
    """Histogram of the cosines of all pairs, with that of random directions and the floor.

    Where the codes fit, the simplex stands for the floor.

    Args:
        report: an audit with a portrait.
        ax: the axes to draw on, which are returned; new ones by default.

    Raises:
        ValueError: the report has no portrait, or fewer than two rows.
        MissingExtraError: matplotlib is not installed.
    """
    portrait, found, ax = _begun(report, "cosines", "fewer than two rows: no cosines", ax)
    return draw_chart(cosine_chart(report, found, portrait.floor), ax)


def plot_spectrum(report: Report, ax: Axes | None = None) -> Axes:
    """Share of the variance along each principal axis, beside that of isotropic rows.

    Args:
        report: an audit with a portrait.
        ax: the axes to draw on, which are returned; new ones by default.

    Raises:
        ValueError: the report has no portrait, or all its rows coincide.
        MissingExtraError: matplotlib is not installed.
    """
    _, scree, ax = _begun(report, "spectrum", "only rows that coincide: no spectrum", ax)
    return draw_chart(spectrum_chart(report, scree), ax)


def draw_chart(chart: Chart, ax: Axes) -> Axes:
    """Draw a chart on axes of matplotlib, as the page draws it."""
    if chart.bars is not None:
        edges, heights = chart.bars
        ax.stairs(heights, edges, fill=True, color=ROWS_COLOUR, alpha=0.6)
    for k, line in enumerate(chart.lines):
        colour = CHANCE_COLOUR if line.dashed else style.css(style.class_colour(k))
        ax.plot(line.x, line.y, "--" if line.dashed else "-", color=colour, label=line.name)
    for at, word in chart.marks:
        ax.axvline(at, ls=":", color=LIMIT_COLOUR, label=word or None)
    ax.set(title=chart.title, xlabel=chart.x_name, ylabel=chart.y_name)
    ax.set(xscale="log" if chart.x_log else "linear", yscale="log" if chart.y_log else "linear")
    if chart.lines or chart.marks:
        ax.legend(frameon=False, loc="best" if chart.bars is None else "upper left")
    return ax


def plot_rows(report: Report, ax: Axes | None = None) -> Axes:
    """Rows in the plane of their first two principal axes, a colour and marker for each class.

    Args:
        report: an audit with a portrait.
        ax: the axes to draw on, which are returned; new ones by default.

    Raises:
        ValueError: the report has no portrait, or fewer than three rows that differ.
        MissingExtraError: matplotlib is not installed.
    """
    portrait, cloud, ax = _begun(report, "cloud", "fewer than three rows that differ: no plane", ax)
    for k in np.unique(cloud.labels):
        points = cloud.points[cloud.labels == k]
        name = named(portrait.names[k]) if portrait.names else "rows"
        name = f"\u200b{name}" if name.startswith("_") else name  # matplotlib drops those
        colour = style.css(style.class_colour(int(k)))
        ax.scatter(*points.T, s=14, c=colour, marker=style.marker(int(k)), lw=0, label=name)
    first, second = (f"{share:.0%}" for share in cloud.explained)
    ax.set(title="Rows in the plane of their main axes", aspect="equal")
    ax.set(xlabel=f"{first} of the variance", ylabel=second)
    if 1 < len(portrait.names) <= len(style.CLASSES):
        legend = ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
        for text in legend.get_texts():
            text.set_parse_math(False)
    return ax


def _portrait(report: Report) -> Portrait:
    if report.portrait is None:
        raise ValueError("this report has no portrait: make it with audit(..., portrait=True)")
    return report.portrait


def _begun(report: Report, part: str, lacking: str, ax: Axes | None) -> tuple[Portrait, Any, Axes]:
    """The portrait, its part that is drawn, and the axes to draw it on."""
    portrait = _portrait(report)
    if getattr(portrait, part) is None:
        raise ValueError(f"this report has {lacking} to draw")
    style.require()
    import matplotlib.pyplot as plt

    return portrait, getattr(portrait, part), ax or plt.subplots(layout="constrained")[1]
