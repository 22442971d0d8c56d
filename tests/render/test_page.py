"""The page, the plots and the notebook view: what they hold, how large, and nothing unescaped."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console
from tests.test_seed import clouds

import gramax
from gramax._text import named
from gramax.audits.portrait import (
    LINKED,
    Cloud,
    Scree,
    heat_of,
    histogram_of,
    histogram_of_rows,
    portrait_of,
    similar_order,
)
from gramax.audits.report import ClassView, Pair
from gramax.cli import main
from gramax.render import terminal
from gramax.render.audit_charts import cosine_chart, spectrum_chart
from gramax.render.page import audit_page
from gramax.render.page.picture_data import point_classes_text
from gramax.render.page.svg_charts import even_ticks, line_chart, log_ticks

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>", "a & b")
PATH = "imagenet/ILSVRC2012/train/animals/vertebrates/class_"


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def report():
    z, y = clouds(7, 300, 12, 4)
    return gramax.audit(z, np.array(HOSTILE)[y])


@pytest.fixture(scope="module")
def thousand(report):
    """A report of a thousand classes, its portrait computed, its tables filled in by hand."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(40, 64)), 25, axis=0)
    codes = unit(centres + 0.7 * rng.normal(size=(1000, 64)))
    names = [f"synset number {k}, two words" for k in range(1000)]
    rows, labels = codes[rng.integers(0, 1000, 4000)], rng.integers(0, 1000, 4000)
    portrait = portrait_of(names, codes, codes, np.arange(64.0), 4000, rows, labels, 0.1)
    views = tuple(ClassView(name, 4, 0.5, 0.001, names[0], 0.25) for name in names)
    pair = Pair(names[3], names[4], 0.9)
    apart = {"alike": (), "opposite": (), "worst_pairs": (pair,)}
    return replace(report, c=1000, classes=views, portrait=portrait, **apart)


@pytest.fixture(scope="module")
def blank(report):
    """The report with an empty name and one of spaces."""
    new = dict(zip(report.portrait.names, ("", "   ", "cat", "dog"), strict=True))
    views = (replace(v, name=new[v.name], nearest=new[v.nearest]) for v in report.classes)
    portrait = replace(report.portrait, names=tuple(new.values()))
    pairs = {"alike": (Pair("", "   ", 0.5),), "merged": (Pair("   ", "cat", 1.0),)}
    return replace(report, classes=tuple(views), portrait=portrait, **pairs)


def island(page):
    return json.loads(re.search(r'application/json" id="data">(.*?)</script>', page)[1])


def decoded(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_policy_allows_this_style_and_this_script_alone(report):
    page = audit_page(report)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert set(re.findall(r"https?://[^\s\"']*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<[^>]*\s(on\w+|style)=", page.split("</style>")[1].split("<script")[0])


def test_names_are_escaped_everywhere(report):
    page = audit_page(report)
    for name in HOSTILE[:3]:
        assert name not in page
        assert name not in report._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &amp; b" in page
    assert set(island(page)["names"].values()) == set(HOSTILE)
    assert len(re.findall("</script>", page)) == 2


def test_a_page_shows_every_name_whole_and_stays_small(report, thousand):
    page = audit_page(thousand)
    assert len(audit_page(report)) < 110_000
    assert len(page) - len(json.dumps(island(page)["cloud"])) < 300_000
    names = [f"{PATH}{k:04d}{'x' * 20}" for k in range(1000)]
    pairs = zip(thousand.classes, names, strict=True)
    views = tuple(replace(view, name=name, nearest=names[0]) for view, name in pairs)
    portrait = replace(thousand.portrait, names=tuple(names))
    page = audit_page(replace(thousand, classes=views, portrait=portrait))
    assert len(page.encode()) < 600_000
    assert set(island(page)["names"].values()) <= set(names)
    for name in names:
        assert f"<tr><td>{name}<td>" in page


def test_empty_and_blank_names_are_shown_in_words(blank):
    page = audit_page(blank)
    assert "<tr><td>(empty)<td>" in page
    assert "<tr><td>(3 spaces)<td>" in page
    assert page.count("(empty) · (3 spaces)") == 1
    assert page.count("(3 spaces) · cat") == 1
    assert {"(empty)", "(3 spaces)"} < set(island(page)["names"].values())
    assert "(empty) · (3 spaces)" in blank._repr_html_()
    out = io.StringIO()
    terminal.show(blank, Console(file=out, width=110))
    assert "(empty)  ·  (3 spaces)" in out.getvalue()
    data = json.loads(json.dumps(blank.to_dict(), default=str))
    assert {"", "   "} < {row["name"] for row in data["classes"]}
    assert [named("a b"), named(" ")] == ["a b", "(1 space)"]


def test_page_without_labels_or_portrait(report):
    bare = replace(report, portrait=None, worst_pairs=(), alike=(), classes=(), c=0)
    page = audit_page(bare)
    assert "<canvas" not in page
    assert island(page) == {"names": {}, "heat": None, "cloud": None}
    rows, nothing = np.random.default_rng(1).normal(size=(50, 3)), np.zeros((0, 3))
    portrait = portrait_of([], nothing, nothing, np.ones(3), 50, rows, np.zeros(50, int), 0.0)
    assert portrait.codes is None
    page = audit_page(replace(bare, portrait=portrait))
    assert "Cosines of pairs of rows" in page
    assert island(page)["cloud"]["names"] == [0]
    assert island(page)["names"] == {"0": "all"}


def test_cells_of_the_heat_map_are_the_cosines(report):
    found, portrait = island(audit_page(report))["heat"], report.portrait
    order = list(portrait.codes.order)
    assert [block[0] for block in found["blocks"]] == order
    for view, heat in zip(found["views"], (portrait.codes, portrait.centred), strict=True):
        cells = decoded(view["cells"], "<i2") / 1e4
        expected = heat.cosines[np.triu_indices(len(order))]
        np.testing.assert_allclose(cells, expected, atol=5.1e-5)
    pair = report.worst_pairs[0]
    a, b = (order.index(portrait.names.index(name)) for name in (pair.a, pair.b))
    assert portrait.codes.cosines[a, b] == pytest.approx(pair.cosine, abs=1e-6)


def test_a_block_shows_its_strongest_pair(thousand):
    codes = unit(np.random.default_rng(3).normal(size=(403, 8)))
    order = similar_order(codes)
    heat, counts = heat_of(codes, order)
    assert heat.size == 4
    cosines = codes @ codes.T
    assert counts.sum() == 403 * 402 // 2
    for i, j in ((0, 0), (0, 5), (7, 100), (100, 100)):
        a, b = (order[4 * k : 4 * k + 4] for k in (i, j))
        block = np.abs(cosines[np.ix_(a, b)]) * (a[:, None] != b)
        shown = heat.cosines[i, j]
        assert abs(shown) == pytest.approx(block.max(), abs=1e-6)
        assert cosines[heat.first[i, j], heat.second[i, j]] == pytest.approx(shown, abs=1e-6)
        assert heat.first[i, j] in a
        assert heat.second[i, j] in b
    data, heat = island(audit_page(thousand))["heat"], thousand.portrait.codes
    at = decoded(data["views"][0]["at"], np.uint8).reshape(-1, 2)
    rows, columns = np.triu_indices(len(heat.cosines))
    for k in (0, 50, 3000, len(rows) - 2):
        i, j = rows[k], columns[k]
        shown = data["blocks"][i][at[k, 0]], data["blocks"][j][at[k, 1]]
        assert shown == (heat.first[i, j], heat.second[i, j])


@pytest.mark.parametrize("each", [10, 400])
def test_order_keeps_clusters_together(each):
    rng = np.random.default_rng(each)
    groups = rng.permutation(np.repeat(np.arange(4), each))
    order = similar_order(unit(np.eye(4, 20)[groups] + 0.03 * rng.normal(size=(len(groups), 20))))
    assert (len(order) > LINKED) == (each == 400)
    assert np.array_equal(np.sort(order), np.arange(len(groups)))
    assert np.count_nonzero(np.diff(groups[order])) == 3


def test_histogram_counts_every_pair_beside_chance():
    rows = np.random.default_rng(5).normal(size=(700, 30))
    found = histogram_of_rows(rows)
    assert found.counts.sum() == 700 * 699 // 2
    cosines = (unit(rows) @ unit(rows).T)[np.triu_indices(700, 1)]
    expected = np.histogram(cosines, found.edges)[0]
    assert np.abs(found.counts - expected).max() <= 3  # float32 on the edges
    assert found.chance.sum() == pytest.approx(found.counts.sum(), rel=1e-3)
    assert np.abs(found.counts - found.chance).max() < 8 * np.sqrt(found.chance.max())


def test_spectrum_of_isotropic_rows_is_that_of_chance():
    rows, nothing = np.random.default_rng(6).normal(size=(800, 100)), np.zeros((0, 100))
    values = np.linalg.eigvalsh(np.cov(rows.T))
    portrait = portrait_of([], nothing, nothing, values, 800, rows, np.zeros(800, int), 0.0)
    scree = portrait.spectrum
    assert scree.share.sum() == pytest.approx(1)
    assert scree.chance.sum() == pytest.approx(1, rel=2e-3)
    np.testing.assert_allclose(scree.share, scree.chance, rtol=0.06)
    direct = np.linalg.svd(rows - rows.mean(axis=0))[1] ** 2
    assert portrait.cloud.explained[0] == pytest.approx(direct[0] / direct.sum(), rel=0.05)


def with_spectrum(report, shares, c):
    shares = np.asarray(shares) / np.sum(shares)
    scree = Scree(np.arange(1, len(shares) + 1), shares, np.full(len(shares), 1 / len(shares)))
    return spectrum_chart(replace(report, c=c), scree)


def ticks(drawing, anchor):
    found = re.findall(rf'<text class="tick"[^>]*"{anchor}">([^<]*)', drawing)
    return [text for text in found if re.fullmatch(r"[−\d.,e]+", text)]


def test_axes_below_the_scale_are_counted_and_not_drawn(report):
    chart = with_spectrum(report, [*np.linspace(2, 1, 9), *[1e-13] * 23], 10)
    assert "23 more axes have less than" in chart.text
    assert line_chart(chart).count("<circle") == 9
    assert "more axes" not in with_spectrum(report, np.linspace(2, 1, 9), 10).text


@pytest.mark.parametrize("size", [4, 12, 32, 33, 64, 90, 512])
def test_charts_have_ticks_on_both_axes(report, size):
    for fall in (1.01, 1.2, 2.0):
        drawing = line_chart(with_spectrum(report, fall ** -np.arange(size, dtype=float), 3))
        assert ("axis, log scale" in drawing) == (size > 32)
        for anchor in ("middle", "end"):
            assert 3 <= len(ticks(drawing, anchor)) <= 7
    pairs = size * (size - 1) // 2
    counts = np.histogram(np.random.default_rng(0).normal(0, 0.1, pairs), 4000, (-1, 1))[0]
    drawing = line_chart(cosine_chart(report, histogram_of(counts, 60, "classes"), 0.0))
    assert ("pairs, log scale" in drawing) == (pairs > 500)
    for anchor in ("middle", "end"):
        assert 3 <= len(ticks(drawing, anchor)) <= 9


@pytest.mark.parametrize("high", [0.03, 1.0, 2.5, 9.0, 77.0, 1234.0, 1e8])
def test_ticks_are_round_inside_and_three_at_least(high):
    for low, found in (
        (0.0, even_ticks(0.0, high)),
        (high / 7, log_ticks(high / 7, high)),
        (high / 700, log_ticks(high / 700, high)),
    ):
        assert len(found) >= 3
        assert all(low * 0.999 <= tick <= high * 1.001 for tick in found)
        assert found == sorted(found)
        assert all(float(f"{tick:.2g}") == tick for tick in found)


def test_notebook_view_of_moments():
    moments = gramax.ClassMoments.of(np.eye(4, 3), np.array([0, 1, 1, 0]), 3, normalize=False)
    seen = moments._repr_html_()
    assert "of 4 rows: 2 of 3 classes, 3 dimensions, rows as they are" in seen
    assert "summed in float64" in seen
    left = moments.update(np.zeros((2, 3)), np.array([-1, 0]))
    assert "1 labelled -1 left out" in left._repr_html_()
    assert " of 0 rows: 0 of 2 classes" in gramax.ClassMoments.empty(2, 3)._repr_html_()
    # Stacked, shapes alone, and traced: without numbers to sum.
    traced = []
    jax.jit(lambda m: traced.append(m._repr_html_()))(moments)
    stacked = jax.tree.map(lambda a: jnp.stack([a, a]), moments)
    shapes = jax.eval_shape(lambda: moments)
    for seen in (stacked._repr_html_(), shapes._repr_html_(), traced[0]):
        assert "ClassMoments</b>: 3 classes, 3 dimensions" in seen


def test_the_command_writes_it(report, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    z, y = clouds(7, 300, 12, 4)
    np.save("z.npy", z)
    np.save("y.npy", np.array(HOSTILE)[y])
    run = ["audit", "z.npy", "--labels", "y.npy", "--worst", "10", "--html"]
    assert main([*run, "page.html"]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page == audit_page(replace(report, source="z.npy"))
    assert main([*run, "z.npy"]) == 2
    assert main([*run, "nowhere/page.html"]) == 2
    assert "no folder" in capsys.readouterr().err


def test_plots_draw_on_the_axes_given_and_show_names_as_they_are(report, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    from gramax.render import plots

    figure, ax = plt.subplots()
    for draw in (plots.plot_gram, plots.plot_cosines, plots.plot_spectrum, plots.plot_rows):
        assert draw(report, ax=ax) is ax
        assert ax.get_title()
    plt.close(figure)
    names = (r"$\frac{1$", "$5 to $6", "_bg", "")
    figure = replace(report, portrait=replace(report.portrait, names=names)).plot()
    figure.savefig(tmp_path / "plot.png")  # where matplotlib would parse them
    assert report.diagnosis.kind in figure.get_suptitle()
    gram, cosines, _, rows, _ = figure.axes
    assert {text.get_text() for text in gram.get_xticklabels()} == {*names[:3], "(empty)"}
    shown = [text.get_text() for text in rows.get_legend().get_texts()]
    assert shown == [r"$\frac{1$", "$5 to $6", "\u200b_bg", "(empty)"]
    simplex = f"simplex −{1 / (report.c - 1):.2g}"
    assert simplex in [text.get_text() for text in cosines.get_legend().get_texts()]
    plt.close(figure)
    with pytest.raises(ValueError, match="portrait=True"):
        replace(report, portrait=None).plot()


def test_the_caption_tells_which_classes_are_points():
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 10)
    spread = np.array([1e-6, 1e-6, 1.0])[labels, None] * rng.normal(size=(30, 2))
    points = np.array([[5.0, 0], [-5.0, 0], [0, 0]])[labels] + spread
    for rows, words in (
        (slice(30), " 2 of 3 classes are points"),
        (slice(20), " Each class"),
        (slice(20, 30), ""),
    ):
        told = point_classes_text(Cloud(points[rows], labels[rows], (0.5, 0.5)))
        assert told[: len(words) or None] == words
