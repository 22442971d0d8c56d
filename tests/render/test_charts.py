"""The charts of the pages: ticks that values can be read from, and nothing drawn that is not so."""

import re

import numpy as np
import pytest

from gramax.audits.portrait import Scree, histogram_of
from gramax.audits.run_log import Entry
from gramax.render.axis_scales import even_ticks, log_ticks, root_ticks
from gramax.render.page.svg_charts import cosine_chart, scree_chart
from gramax.render.page.timeline import write_timeline_page
from gramax.render.timeline_charts import charts_of, tracks_of


def scree(shares):
    shares = np.asarray(shares) / np.sum(shares)
    return Scree(np.arange(1, len(shares) + 1), shares, np.full(len(shares), 1 / len(shares)))


def texts(drawing, anchor):
    found = re.findall(rf'<text class="tick"[^>]*"{anchor}">([^<]*)', drawing)
    return [text for text in found if re.fullmatch(r"[−\d.,e]+", text)]


def test_axes_below_the_scale_are_counted_and_not_drawn():
    drawing = scree_chart(scree([*np.linspace(2, 1, 9), *[1e-13] * 23]), 10)
    assert drawing.count("<circle") == 9
    assert "23 more below 1e−8" in drawing
    bottom = max(float(y) for y in re.findall(r'cy="([\d.]+)"', drawing))
    assert bottom < 150
    assert "more below" not in scree_chart(scree(np.linspace(2, 1, 9)), 10)


@pytest.mark.parametrize("axes", [4, 12, 32, 33, 64, 90, 512])
@pytest.mark.parametrize("fall", [1.01, 1.2, 2.0])
def test_the_spectrum_has_ticks_on_both_axes(axes, fall):
    drawing = scree_chart(scree(fall ** -np.arange(axes, dtype=float)), 3)
    assert "share, log scale" in drawing
    assert ("axis, log scale" in drawing) == (axes > 32)
    for anchor in ("middle", "end"):
        assert 3 <= len(texts(drawing, anchor)) <= 7


@pytest.mark.parametrize("pairs", [6, 45, 499, 501, 30_000, 500_000])
def test_the_histogram_has_ticks_on_both_axes(pairs):
    counts = np.histogram(np.random.default_rng(0).normal(0, 0.1, pairs), 4000, (-1, 1))[0]
    drawing = cosine_chart(histogram_of(counts, 60, "classes"), 0.0, None)
    assert ("pairs, square-root scale" in drawing) == (pairs > 500)
    for anchor in ("middle", "end"):
        assert 3 <= len(texts(drawing, anchor)) <= 9


@pytest.mark.parametrize("high", [0.03, 1.0, 2.5, 9.0, 77.0, 1234.0, 1e8])
def test_ticks_are_round_inside_and_three_at_least(high):
    for ticks, low in (
        (even_ticks(0.0, high), 0.0),
        (log_ticks(high / 7, high), high / 7),
        (log_ticks(high / 700, high), high / 700),
        (root_ticks(high), 0.0),
    ):
        assert len(ticks) >= 3
        assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)
        assert ticks == sorted(ticks)
        assert all(float(f"{tick:.2g}") == tick for tick in ticks)


def test_a_number_that_no_audit_has_leaves_an_empty_chart_of_1():
    entries = [Entry(k, {"effective_rank": 0.0}, n=9, d=8, c=4) for k in range(3)]
    limits = {c.metric: c.limits for c in charts_of(tracks_of({"run": entries}))}
    assert limits["class_simplex_error_centred"][1] == pytest.approx(1, rel=0.1)
    assert 0 < limits["effective_rank"][1] < 1e-11


def test_a_timeline_tells_its_scales(tmp_path):
    numbers = [
        {"collapse_ratio": 10.0**-k, "effective_rank": 3.0 + k, "class_coherence": 0.4}
        for k in range(5)
    ]
    entries = [Entry(10 * k, found, n=9, d=8, c=4) for k, found in enumerate(numbers)]
    write_timeline_page(tracks_of({"run": entries}), tmp_path / "story.html", "A run")
    page = (tmp_path / "story.html").read_text()
    assert page.count("Collapse ratio, log scale</h2>") == 1
    assert page.count("Effective rank</h2>") == 1
    for figure in re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL):
        assert len(re.findall(r'text x="-8"', figure)) >= 3
