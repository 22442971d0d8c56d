"""The page, the plots and the notebook view: what they hold, how large, and nothing unescaped."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.test_seed import clouds

import gramax
from gramax.audits.portrait import (
    LINKED,
    Cloud,
    heat_of,
    histogram_of_rows,
    portrait_of,
    similar_order,
)
from gramax.audits.report import ClassView, Pair
from gramax.cli import main
from gramax.render.page import audit_page
from gramax.render.page.picture_data import point_classes_text

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>", "a & b")
LIMIT = 300_000


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
    return replace(report, c=1000, classes=views, worst_pairs=(pair,), portrait=portrait)


def island(page):
    return json.loads(re.search(r'application/json" id="data">(.*?)</script>', page)[1])


def blocks(page):
    """The names of the classes in each block of the heat map."""
    data = island(page)
    return [[data["names"][str(code)] for code in block] for block in data["heat"]["blocks"]]


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
    assert {block[0] for block in blocks(page)} == set(HOSTILE)
    assert "collapse" in page
    assert len(re.findall("</script>", page)) == 2


def size(page):
    """Bytes without the points."""
    return len(page.encode()) - len(json.dumps(island(page)["cloud"]))


def test_size_of_few_and_of_a_thousand_classes(report, thousand):
    assert size(audit_page(report)) < 100_000
    page = audit_page(thousand)
    assert size(page) < LIMIT
    assert page.count("<td>4<td>") == 1000


def test_page_without_labels_or_portrait(report):
    bare = replace(report, portrait=None, worst_pairs=(), classes=(), c=0)
    page = audit_page(bare)
    assert "<canvas" not in page
    assert island(page) == {"names": {}, "heat": None, "cloud": None}
    rows = np.random.default_rng(1).normal(size=(50, 3))
    nothing = np.zeros((0, 3))
    portrait = portrait_of([], nothing, nothing, np.ones(3), 50, rows, np.zeros(50, int), 0.0)
    assert portrait.codes is None
    assert portrait.cosines.of == "rows"
    page = audit_page(replace(bare, portrait=portrait))
    assert "Spread of the cosines of pairs of rows" in page
    assert island(page)["cloud"]["names"] == [0]
    assert island(page)["names"] == {"0": "all"}


def test_cells_of_the_heat_map_are_the_cosines(report):
    found, portrait = island(audit_page(report))["heat"], report.portrait
    order, side = portrait.codes.order, len(portrait.codes.order)
    assert [block[0] for block in found["blocks"]] == list(order)
    for view, heat in zip(found["views"], (portrait.codes, portrait.centred), strict=True):
        cells = decoded(view["cells"], "<i2") / 1e4
        expected = heat.cosines[np.triu_indices(side)]
        np.testing.assert_allclose(cells, expected, atol=5.1e-5)
    pair = report.worst_pairs[0]
    a, b = (list(order).index(portrait.names.index(name)) for name in (pair.a, pair.b))
    assert portrait.codes.cosines[a, b] == pytest.approx(pair.cosine, abs=1e-6)


def test_a_block_shows_its_strongest_pair(thousand):
    rng = np.random.default_rng(3)
    codes = unit(rng.normal(size=(403, 8)))
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
    data = island(audit_page(thousand))["heat"]
    at = decoded(data["views"][0]["at"], np.uint8).reshape(-1, 2)
    heat = thousand.portrait.codes
    rows, columns = np.triu_indices(len(heat.cosines))
    for k in (0, 50, 3000, len(rows) - 2):
        i, j = rows[k], columns[k]
        shown = data["blocks"][i][at[k, 0]], data["blocks"][j][at[k, 1]]
        assert shown == (heat.first[i, j], heat.second[i, j])


@pytest.mark.parametrize("each", [10, 400])
def test_order_keeps_clusters_together(each):
    rng = np.random.default_rng(each)
    groups = rng.permutation(np.repeat(np.arange(4), each))
    codes = unit(np.eye(4, 20)[groups] + 0.03 * rng.normal(size=(len(groups), 20)))
    order = similar_order(codes)
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
    rows = np.random.default_rng(6).normal(size=(800, 100))
    values = np.linalg.eigvalsh(np.cov(rows.T))
    nothing = np.zeros((0, 100))
    portrait = portrait_of([], nothing, nothing, values, 800, rows, np.zeros(800, int), 0.0)
    scree = portrait.spectrum
    assert scree.share.sum() == pytest.approx(1)
    assert scree.chance.sum() == pytest.approx(1, rel=2e-3)
    np.testing.assert_allclose(scree.share, scree.chance, rtol=0.06)
    direct = np.linalg.svd(rows - rows.mean(axis=0))[1] ** 2
    assert portrait.cloud.explained[0] == pytest.approx(direct[0] / direct.sum(), rel=0.05)


def test_notebook_view_of_moments():
    moments = gramax.ClassMoments.of(np.eye(4, 3), np.array([0, 1, 1, 0]), 3, normalize=False)
    seen = moments._repr_html_()
    assert "4 rows as they are: 2 of 3 classes present, 3 dimensions" in seen
    assert "summed in float64" in seen
    assert re.findall(r"<td[^>]*>([^<]*)</td>", seen) == ["1", "2", "0.5", "0", "2", "0.25"]
    left = moments.update(np.zeros((2, 3)), np.array([-1, 0]))
    assert "1 labelled -1 left out" in left._repr_html_()
    many = gramax.ClassMoments.of(np.eye(30), np.arange(30), 30)
    assert "the 10 loosest of 30" in many._repr_html_()
    assert "<table" not in gramax.ClassMoments.empty(2, 3)._repr_html_()


def test_notebook_view_of_moments_without_numbers():
    moments = gramax.ClassMoments.of(np.eye(4, 3), np.array([0, 1, 1, 0]), 3)
    stacked = jax.tree.map(lambda a: jnp.stack([a, a]), moments)
    shapes = jax.eval_shape(lambda: moments)
    traced = []
    jax.jit(lambda m: traced.append(m._repr_html_()))(moments)
    for seen in (stacked._repr_html_(), shapes._repr_html_(), traced[0]):
        assert "ClassMoments" in seen
        assert " rows" not in seen.replace(" rows: float32", "")


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


def test_plots_draw_on_the_axes_given_and_return_them(report):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from gramax.render import plots

    figure, ax = plt.subplots()
    for draw in (plots.plot_gram, plots.plot_cosines, plots.plot_spectrum, plots.plot_rows):
        assert draw(report, ax=ax) is ax
        assert ax.get_title()
    plt.close(figure)
    figure = report.plot()
    assert len(figure.axes) == 5
    assert report.diagnosis.kind in figure.get_suptitle()
    plt.close(figure)
    with pytest.raises(ValueError, match="portrait=True"):
        replace(report, portrait=None).plot()


def test_plots_show_names_as_they_are(report, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    names = (r"$\frac{1$", "$5 to $6", "_bg", "")
    figure = replace(report, portrait=replace(report.portrait, names=names)).plot()
    figure.savefig(tmp_path / "plot.png")  # where matplotlib would parse them
    gram, cosines, _, rows = figure.axes[:4]
    assert {text.get_text() for text in gram.get_xticklabels()} == {*names[:3], "(empty)"}
    shown = [text.get_text() for text in rows.get_legend().get_texts()]
    assert shown == [r"$\frac{1$", "$5 to $6", "\u200b_bg", "(empty)"]
    simplex = f"simplex {-1 / (report.c - 1):.3g}"
    assert simplex in [text.get_text() for text in cosines.get_legend().get_texts()]
    plt.close(figure)


def test_the_caption_tells_which_classes_are_points():
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 10)
    spread = np.array([1e-6, 1e-6, 1.0])[labels, None] * rng.normal(size=(30, 2))
    points = np.array([[5.0, 0], [-5.0, 0], [0, 0]])[labels] + spread
    assert point_classes_text(Cloud(points, labels, (0.5, 0.5))).startswith(
        " 2 of 3 classes are points"
    )
    assert point_classes_text(Cloud(points[:20], labels[:20], (0.5, 0.5))).startswith(" Each class")
    assert point_classes_text(Cloud(points[20:], labels[20:], (0.5, 0.5))) == ""
    assert point_classes_text(Cloud(np.zeros((3, 2)), np.arange(3), (0.5, 0.5))) == ""
