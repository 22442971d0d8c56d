"""The pictures of the page in a real Chromium: heat map and rows in the plane."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

from dataclasses import replace

import numpy as np
import pytest
from tests.render.browsing import browser, column, visit  # noqa: F401  (fixtures)
from tests.render.test_page import report, thousand  # noqa: F401  (fixtures)

from gramax.audits.portrait import Cloud, heat_of
from gramax.audits.report import Pair
from gramax.render.page import audit_page


def test_heat_map_tells_the_pair_under_the_pointer(visit, report):
    page = visit(audit_page(report))
    portrait = report.portrait
    order, cosines = portrait.codes.order, portrait.codes.cosines
    page.focus("#heat-map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    told = page.text_content("#heat-read")
    assert portrait.names[order[0]] in told
    assert portrait.names[order[2]] in told
    assert told.endswith(f"{cosines[0, 2]:+.4f}".replace("-", "−"))
    page.click("[data-view='1']")
    assert page.get_attribute("[data-view='1']", "aria-pressed") == "true"
    centred = portrait.centred.cosines[0, 2]
    assert page.text_content("#heat-read").endswith(f"{centred:+.4f}".replace("-", "−"))
    box = page.locator("#heat-map").bounding_box()
    page.mouse.move(box["x"] + 0.98 * box["width"], box["y"] + 4)
    assert portrait.names[order[3]] in page.text_content("#tip")
    assert page.is_visible("#tip")
    page.locator("[data-pair]").first.click()
    told = page.text_content("#heat-read")
    assert report.worst_pairs[0].a in told
    assert report.worst_pairs[0].b in told


def test_a_tap_tells_the_pair(visit, report):
    page = visit(audit_page(report), width=390)
    order = report.portrait.codes.order
    page.locator("#heat-map").scroll_into_view_if_needed()
    box = page.locator("#heat-map").bounding_box()
    page.touchscreen.tap(box["x"] + 0.98 * box["width"], box["y"] + 4)
    told = page.text_content("#heat-read")
    assert report.portrait.names[order[0]] in told
    assert report.portrait.names[order[-1]] in told


def pixels(page):
    return page.evaluate(
        "() => [...document.getElementById('heat-map').getContext('2d')"
        ".getImageData(20, 20, 40, 40).data].join()"
    )


def test_a_thousand_classes_zoom_and_move(visit, thousand):
    page = visit(audit_page(thousand))
    whole = pixels(page)
    page.focus("#heat-map")
    for _ in range(6):
        page.keyboard.press("+")
    assert pixels(page) != whole
    page.keyboard.press("0")
    assert pixels(page) == whole
    box = page.locator("#heat-map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "synset number" in page.text_content("#heat-read")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    zoomed = pixels(page)
    assert zoomed != whole
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.up()
    assert pixels(page) != zoomed
    page.fill("#classes-filter", "number 777,")
    assert column(page, "classes", 0) == ["synset number 777, two words"]
    page.locator("#cloud-legend select").select_option(index=3)
    assert "rows shown" in page.text_content("#cloud-read")


@pytest.mark.parametrize(("scheme", "grey"), [("light", [221, 225, 230]), ("dark", [51, 58, 69])])
def test_the_diagonal_is_grey(visit, report, scheme, grey):
    page = visit(audit_page(report), scheme=scheme)
    assert "Grey: a class with itself." in page.text_content("#heat figcaption")
    row = page.evaluate("""() => {
      const map = document.getElementById("heat-map"), pen = map.getContext("2d");
      return [...pen.getImageData(0, 12, map.width, 1).data];
    }""")
    shown = np.reshape(row, (-1, 4))[:, :3]
    assert 40 < np.count_nonzero((shown == grey).all(axis=1)) < len(shown) / 3


def test_a_chosen_pair_has_the_number_of_its_button(visit, report, thousand):
    page = visit(audit_page(report))
    page.click("[data-view='1']")
    for button in page.locator("[data-pair]").all():
        button.click()
        assert page.get_attribute("[data-view='0']", "aria-pressed") == "true"
        assert page.text_content("#heat-read").endswith(button.locator("span").first.text_content())
    pairs = (Pair("synset number 3, two words", "synset number 4, two words", -0.1234),)
    page = visit(audit_page(replace(thousand, worst_pairs=pairs)))
    page.locator("[data-pair]").click()
    told = page.text_content("#heat-read")
    assert told.startswith("synset number 3, two words · synset number 4, two words  −0.1234; ")
    assert "the strongest of " in told


LISTEN = """() => {
  const pen = document.getElementById("heat-map").getContext("2d"), write = pen.fillText;
  window.kept = [];
  pen.fillText = function (text, x, y) {
    window.kept.push([text, x, y]);
    return write.apply(this, arguments);
  };
  document.querySelector("[data-zoom=all]").click();
}"""
"""Has the heat map drawn, and keeps the texts that it writes, with their places."""


def test_a_block_is_no_class(visit, thousand):
    page = visit(audit_page(thousand))
    page.focus("#heat-map")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    told = page.text_content("#heat-read")
    assert told.endswith(", the strongest of 64 pairs here")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#heat-read").endswith(", the strongest of 28 pairs here")
    assert "Each row is a block of 8 classes" in page.text_content("#heat figcaption")
    page.evaluate(LISTEN)
    for _ in range(9):
        page.keyboard.press("+")
    labels = page.evaluate("window.kept")[-8:]
    assert len(labels) == 8
    assert all(text.endswith(" +7") for text, _, _ in labels)


@pytest.mark.parametrize("classes", [4, 12, 20, 24, 30])
def test_labels_of_the_heat_map_do_not_overlap_on_a_phone(visit, report, classes):
    codes = np.random.default_rng(1).normal(size=(classes, 30))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    heat = heat_of(codes, np.arange(classes))[0]
    names = tuple(f"a class with a long name {k}" for k in range(classes))
    portrait = replace(report.portrait, names=names, codes=heat, centred=None, cloud=None)
    page = visit(audit_page(replace(report, portrait=portrait, worst_pairs=())), width=390)
    page.evaluate(LISTEN)
    rows = [y for text, x, y in page.evaluate("window.kept") if text[0] in "a…" and x > 0]
    assert len(rows) == (classes if classes < 21 else 0)
    assert np.all(np.diff(rows) >= 12.5)


def test_legend_picks_out_a_class(visit, report):
    page = visit(audit_page(report))
    assert page.locator("#cloud-map path").count() == 4
    button = page.locator("#cloud-legend button").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#cloud-map path.off").count() == 3
    button.press("Enter")
    assert page.locator("#cloud-map path.off").count() == 0


@pytest.mark.parametrize("width", [390, 1200])
def test_classes_that_are_points_show_their_marks(visit, report, width):
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(4), 30)
    centres = np.array([[-1.0, 0.5], [1.0, 0.4], [0.1, -0.6], [0.12, -0.55]])
    points = centres[labels] + 1e-7 * rng.normal(size=(120, 2))
    names = ("first class", "second", "a third class", "and a fourth")
    cloud = Cloud(points, labels, (0.7, 0.3))
    portrait = replace(report.portrait, names=names, cloud=cloud)
    page = visit(audit_page(replace(report, portrait=portrait)), width=width)
    assert "Each class is a point here" in page.text_content("#cloud figcaption")
    boxes = "all => all.map(e => e.getBoundingClientRect().toJSON())"
    marks = page.eval_on_selector_all("#cloud-map path", boxes)
    words = page.eval_on_selector_all("#cloud-map text", boxes)
    assert len(marks) == len(words) == 4
    around = page.locator("#cloud-map").bounding_box()
    for word in words:
        assert around["x"] <= word["left"] < word["right"] <= around["x"] + around["width"]
        for mark in marks:
            across = min(word["right"], mark["right"]) - max(word["left"], mark["left"])
            down = min(word["bottom"], mark["bottom"]) - max(word["top"], mark["top"])
            assert min(across, down) < 4
    assert min(mark["width"] for mark in marks) > 6
    assert page.locator("#cloud-map text", has_text="a third class").count() == 1
