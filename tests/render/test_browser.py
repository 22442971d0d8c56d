"""The pages in a real Chromium: no errors, no requests, and everything answers."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.render.test_page import report, thousand  # noqa: F401  (fixtures)

from gramax.audits.portrait import Cloud, heat_of
from gramax.audits.report import Number, Pair
from gramax.audits.run_log import Entry
from gramax.decide.comparison.changes import change
from gramax.decide.comparison.conclusion import concluded
from gramax.decide.comparison.results import Alignment, Moved, side_of
from gramax.render.page import audit_page, decision_page
from gramax.render.terminal import show
from gramax.render.timelines import tracks_of, write_timeline_page
from gramax.uncertainty.chance import Chance
from gramax.uncertainty.errorbars import ErrorBar

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright")
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def found(report):
    """A comparison with all its parts, without the computing."""
    side, rng = side_of(report, ()), np.random.default_rng(0)
    changes = {name: change(name, value, 1.1 * value, 0.01) for name, value in report.items()}
    moved = tuple(Moved(a, b, 0.1, 0.6, 0.02) for a, b in zip(side.numbers, report, strict=True))
    same = (Alignment("linear CKA", "likeness", 0.9, 0.01, Chance(0.1, 0.02, "a law")),)
    names, cosines = report.portrait.names, rng.uniform(-1, 1, (2, 4, 4))
    cosines += cosines.swapaxes(1, 2)
    more = {"alignment": same, "moved": moved, "names": names, "cosines": cosines / 2}
    return concluded(side, side, True, changes, notes=("a note",), **more)


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page, and fail at the end for any error or request that it made."""
    problems, contexts = [], []

    def open_page(html, width=1200, scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.on("request", lambda request: requests.append(request.url))
        requests = []
        page.goto(file.as_uri())
        if "<script" in html:
            page.wait_for_selector("body[data-ready]", state="attached")
        outside = [url for url in requests if url != file.as_uri() and not url.startswith("data:")]
        problems.extend(outside)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def story(tmp_path):
    """The page of a timeline of two runs with long names."""
    numbers = {"collapse_ratio": 0.5, "effective_rank": 3.0, "class_coherence": 0.4}
    verdict = "Classes have collapsed to a cone, badly: two of them cannot be told apart."
    entries = [Entry(10 * k, numbers, n=100, d=8, c=4, verdict=verdict) for k in range(3)]
    tracks = tracks_of({f"resnet_{k}/seed_of_the_run {k}": entries for k in range(2)})
    write_timeline_page(tracks, tmp_path / "story.html", "A run")
    return (tmp_path / "story.html").read_text(encoding="utf-8")


def column(page, table, index):
    return page.eval_on_selector_all(
        f"#{table} tbody tr:not([hidden])", f"rows => rows.map(r => r.cells[{index}].innerText)"
    )


def fits(page, width=390):
    return page.evaluate("document.documentElement.scrollWidth") <= width


def press(page, *keys):
    page.focus("#heat-map")
    for key in keys:
        page.keyboard.press(key)
    return page.text_content("#heat-read")


def middle_of_map(page, across=0.5, down=0.5):
    page.locator("#heat-map").scroll_into_view_if_needed()
    box = page.locator("#heat-map").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def test_tables_sort_and_filter(visit, report):
    page = visit(audit_page(report))
    head = page.locator("#classes thead th", has_text="Within variance")
    button, mark = head.locator("button"), "e => getComputedStyle(e, '::after').content"
    assert button.evaluate(mark) == '" ↕"'
    button.click()
    assert button.evaluate(mark) == '" ▼"'
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text) for text in column(page, "classes", 2)]
    assert values == sorted(values, reverse=True)
    button.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in column(page, "classes", 2)] == sorted(values)
    for name in ("effective_rank", "class_coherence"):
        page.fill("#numbers-filter", name)
        assert name in [text.split("\n")[0] for text in column(page, "numbers", 0)]
    page.fill("#numbers-filter", "effective")
    assert page.text_content("#numbers-count").startswith("1 of ")
    page.fill("#classes-filter", report.classes[0].name)  # by name, not by any figure of the row
    assert column(page, "classes", 0) == [report.classes[0].name]
    page.fill("#numbers-filter", "")
    assert len(column(page, "numbers", 0)) == len(report)
    assert page.locator("#numbers thead th", has_text="±").count() == 0
    first, bar = next(iter(report.numbers)), ErrorBar(0.1, 0.01, 0.08, 0.12, 0.0)
    numbers = report.numbers | {first: replace(report.numbers[first], error=bar)}
    page = visit(audit_page(replace(report, numbers=numbers)))
    assert page.locator("#numbers thead th", has_text="±").count() == 1
    assert column(page, "numbers", 2)[0] == "0.01"


def test_what_is_not_known_is_sorted_last_and_infinite_scores_first(visit, report, found):
    views = list(report.classes)
    views[0] = replace(views[0], nearest=None, cosine=None)
    page = visit(audit_page(replace(report, classes=tuple(views))))
    for index in (4, 5, 4, 5):
        page.locator("#classes thead button").nth(index).click()
        shown = column(page, "classes", index)
        assert shown[-1] == "–"
        assert "–" not in shown[:-1]
    z = page.locator("#numbers thead th", has_text="z").locator("button")
    for _ in range(2):
        z.click()
        shown = [text != "–" for text in column(page, "numbers", 3)]
        assert any(shown)
        assert shown == sorted(shown, reverse=True)
    ends = zip(list(found.changes)[:3], ((2.0, 0.0), (0.0, 0.0), (1.01, 0.001)), strict=True)
    changes = {name: change(name, 1.0, after, error) for name, (after, error) in ends}
    page = visit(decision_page(replace(found, changes=changes)))
    head = page.locator("#table-1 thead th", has_text="z").locator("button")
    for expected in (["+∞", "+10", "−∞"], ["−∞", "+10", "+∞"]):
        head.click()
        assert column(page, "table-1", 4) == expected


@pytest.mark.parametrize(("scheme", "grey"), [("light", [221, 225, 230]), ("dark", [51, 58, 69])])
def test_phone_width_dark_mode_and_print(visit, report, thousand, found, scheme, grey):
    long = replace(report, source="a/path/without/any/space/" * 8)
    pages = (audit_page(long), audit_page(thousand), decision_page(found))
    for html in pages[:: 1 if scheme == "light" else 2]:
        page = visit(html, width=360, scheme=scheme)
        assert fits(page, 360)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = np.mean([int(part) for part in ground[4:-1].split(",")]) > 128
        assert light == (scheme == "light")
    assert len(page.pdf(format="A4")) > 20_000
    row = page.evaluate("""() => {
      const map = document.getElementById("heat-map"), pen = map.getContext("2d");
      return [...pen.getImageData(0, 12, map.width, 1).data];
    }""")
    shown = np.reshape(row, (-1, 4))[:, :3]  # the diagonal is grey
    assert 40 < np.count_nonzero((shown == grey).all(axis=1)) < len(shown) / 3


def test_keyboard_reaches_everything_in_order(visit, found):
    page = visit(decision_page(found))
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        focused = "document.activeElement.id || document.activeElement.innerText"
        reached.append(page.evaluate(focused))
    assert reached[0] == "Skip to the verdict"
    assert {"A", "B", "Change", "heat-map"} <= set(reached)
    page.click("[data-view='2']")
    press(page, "ArrowRight", "ArrowRight")
    told = []
    for view in (0, 1, 2):
        page.click(f"[data-view='{view}']")
        told.append(float(page.text_content("#heat-read").split()[-1].replace("−", "-")))
    assert told[2] == pytest.approx(told[1] - told[0], abs=3e-4)


def test_a_phone_can_scroll_to_every_column_and_keeps_the_name(visit, report, found):
    audit, both = audit_page(report), ("classes", "numbers")
    for html, tables in ((audit, both), (decision_page(found), ("table-1",))):
        page = visit(html, width=390)
        for table in tables:
            around = page.locator(f"#{table}").locator("..")
            around.focus()
            assert around.evaluate("e => document.activeElement === e")
            assert around.evaluate("e => e.scrollWidth > e.clientWidth")
            around.evaluate("e => e.scrollLeft = e.scrollWidth")
            name = page.locator(f"#{table} tbody tr").first.locator("> *").first.bounding_box()
            assert 0 <= name["x"] < 20
            for head in page.locator(f"#{table} thead th").all():
                head.evaluate("e => e.scrollIntoView({inline: 'end', block: 'nearest'})")
                box = head.bounding_box()
                assert box["width"] > 20
                assert box["x"] + box["width"] <= 391


def test_names_and_the_text_of_charts_fit_a_phone(visit, report, story):
    names = tuple(f"{'a_long_beginning_without_a_space/' * 3}"[:79] + str(k) for k in range(4))
    views = tuple(replace(v, name=n, nearest=n) for v, n in zip(report.classes, names, strict=True))
    portrait = replace(report.portrait, names=names)
    audit = audit_page(replace(report, portrait=portrait, classes=views))
    size = "e => e.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize)"
    for html in (audit, story):
        page = visit(html, width=390)
        assert fits(page)
        sizes = [text.evaluate(size) for text in page.locator("figure svg text").all()]
        assert len(sizes) > 10
        assert min(sizes) > 11
    verdicts = page.locator("tbody small").all()
    assert len(verdicts) == 2
    for cell in verdicts:
        box = cell.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    numbers = page.locator("tbody tr:first-child td").all()
    assert len(numbers) > 4
    for number in numbers:
        number.evaluate("e => e.scrollIntoView({inline: 'end', block: 'nearest'})")
        box, name = number.bounding_box(), page.locator("tbody th").first.bounding_box()
        assert 0 <= name["x"] <= name["x"] + name["width"] <= box["x"] + 1
        assert box["x"] + box["width"] <= 391


def test_a_timeline_is_dark_on_screens_alone(visit, story):
    page = visit(story, scheme="dark")
    look = """() => [getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector(".line")).stroke]"""
    assert page.evaluate(look) == ["rgb(18, 21, 26)", "rgb(78, 163, 230)"]
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate(look) == ["rgb(255, 255, 255)", "rgb(0, 114, 178)"]


def test_pairs_that_moved_say_what_is_real(visit, found):
    first = replace(found.moved[0], a="", b="   ")
    moved = (first, replace(first, after=0.12), replace(first, error=None))
    page = visit(decision_page(replace(found, moved=moved)))
    assert column(page, "table-4", 6) == ["◆ changed", "= same", "? unknown"]
    assert [column(page, "table-4", k)[0] for k in (0, 1)] == ["(empty)", "(3 spaces)"]
    section = page.locator("section", has_text="moved most")
    assert "real beyond 3.0 standard errors" in section.text_content()
    out = Console(file=io.StringIO(), width=110)
    show(replace(found, moved=moved), out)
    lines = [line for line in out.file.getvalue().splitlines() if "(empty)" in line]
    assert [line.split()[-1] for line in lines] == ["changed", "same", "unknown"]


TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(e => e.clientWidth
    && e.scrollWidth > e.clientWidth + 1 && !e.closest("svg")
    && (!e.closest(".scroll") || e.matches("td, th"))).map(e => e.outerHTML.slice(0, 80))"""


def test_numbers_of_seven_digits_fit_their_cards_and_tables(visit, report, found):
    bar, law = ErrorBar(-1234567.8, 1234567.0, 0, 1, 0), Chance(-7654321.0, 0.5, "a law")
    large = replace(
        report,
        numbers=dict.fromkeys(report, Number(-1234567.8, chance=law, error=bar)),
        answers=tuple(replace(one, value=-1234567.8) for one in report.answers),
        classes=tuple(replace(one, count=1234567, within=1234567.8) for one in report.classes),
    )
    changes = {name: change(name, 1234567.0, 7654321.0, 1234567.8) for name in report}
    same = tuple(replace(one, value=-1234567.8, chance=law) for one in found.alignment)
    moved = tuple(replace(one, error=1234567.8) for one in found.moved[:3])
    grown = replace(found, changes=changes, alignment=same, moved=moved)
    for html in (audit_page(large), decision_page(grown)):
        for widths in ((320,), (1200, 640)):
            page = visit(html, width=widths[0])
            for width in widths:
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate(TOO_WIDE) == []
                assert fits(page, width)
    for shown, digits in ((large, "-1,234,568"), (grown, "7,654,321")):
        out = Console(file=io.StringIO(), width=80)
        show(shown, out)
        assert out.file.getvalue().count(digits) >= len(report)


def test_heat_map_tells_the_pair_and_the_legend_picks_out_a_class(visit, report):
    portrait = report.portrait
    names = [portrait.names[code] for code in portrait.codes.order]
    page = visit(audit_page(report), width=390)
    page.touchscreen.tap(*middle_of_map(page, 0.98, 0.01))
    assert names[0] in (told := page.text_content("#heat-read"))
    assert names[-1] in told
    page = visit(audit_page(report))
    told = press(page, "ArrowRight", "ArrowRight", "ArrowRight")
    assert names[0] in told
    assert names[2] in told
    assert told.endswith(f"{portrait.codes.cosines[0, 2]:+.4f}".replace("-", "−"))
    page.click("[data-view='1']")
    assert page.get_attribute("[data-view='1']", "aria-pressed") == "true"
    centred = portrait.centred.cosines[0, 2]
    assert page.text_content("#heat-read").endswith(f"{centred:+.4f}".replace("-", "−"))
    page.mouse.move(*middle_of_map(page, 0.98, 0.01))
    assert names[3] in page.text_content("#tip")
    assert page.is_visible("#tip")
    for button in page.locator("[data-pair]").all():
        button.click()
        assert page.get_attribute("[data-view='1']", "aria-pressed") == "true"
        assert page.text_content("#heat-read").endswith(button.locator("span").first.text_content())
    assert page.locator("#cloud-map path").count() == 4
    button = page.locator("#cloud-legend button").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#cloud-map path.off").count() == 3
    button.press("Enter")
    assert page.locator("#cloud-map path.off").count() == 0


def pixels(page):
    """Some of the map itself; at its edge are names, which may look alike."""
    return page.evaluate(
        "() => [...document.getElementById('heat-map').getContext('2d')"
        ".getImageData(220, 220, 40, 40).data].join()"
    )


def test_a_thousand_classes_zoom_and_move(visit, thousand):
    pairs = (Pair("synset number 3, two words", "synset number 4, two words", -0.1234),)
    page = visit(audit_page(replace(thousand, worst_pairs=pairs)))
    assert "Each row is a block of 8 classes" in page.text_content("#heat figcaption")
    assert press(page, *["ArrowRight"] * 3).endswith(", the strongest of 64 pairs here")
    assert press(page, *["ArrowLeft"] * 2).endswith(", the strongest of 28 pairs here")
    press(page, "0")
    whole = pixels(page)
    press(page, *"++++++")
    assert pixels(page) != whole
    press(page, "0")
    assert pixels(page) == whole
    page.mouse.move(*middle_of_map(page))
    assert "synset number" in page.text_content("#heat-read")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    zoomed = pixels(page)
    assert zoomed != whole
    page.mouse.down()
    page.mouse.move(*middle_of_map(page, 0.02, 0.02))
    page.mouse.up()
    assert pixels(page) != zoomed
    page.fill("#classes-filter", "number 777,")
    assert column(page, "classes", 0) == ["synset number 777, two words"]
    page.locator("#cloud-legend select").select_option(index=3)
    assert "rows shown" in page.text_content("#cloud-read")
    page.locator("[data-pair]").click()
    told = page.text_content("#heat-read")
    assert told.startswith("synset number 3, two words · synset number 4, two words  −0.1234; ")


@pytest.mark.parametrize("classes", [4, 20, 24])
def test_labels_of_the_heat_map_do_not_overlap_on_a_phone(visit, report, classes):
    codes = np.random.default_rng(1).normal(size=(classes, 30))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    heat = heat_of(codes, np.arange(classes))[0]
    names = tuple(f"a class with a long name {k}" for k in range(classes))
    portrait = replace(report.portrait, names=names, codes=heat, centred=None, cloud=None)
    page = visit(
        audit_page(replace(report, portrait=portrait, worst_pairs=(), alike=())), width=390
    )
    page.evaluate("""() => {
      const pen = document.getElementById("heat-map").getContext("2d");
      window.kept = [];
      pen.fillText = (...told) => window.kept.push(told);
      document.querySelector("[data-zoom=all]").click();
    }""")
    rows = [y for text, x, y in page.evaluate("window.kept") if text[0] in "a…" and x > 0]
    assert len(rows) == (classes if classes < 21 else 0)
    assert np.all(np.diff(rows) >= 12.5)


def test_classes_that_are_points_show_their_marks(visit, report):
    labels = np.repeat(np.arange(4), 30)
    centres = np.array([[-1.0, 0.5], [1.0, 0.4], [0.1, -0.6], [0.12, -0.55]])
    points = centres[labels] + 1e-7 * np.random.default_rng(4).normal(size=(120, 2))
    names, cloud = (
        ("first class", "second", "a third class", "4"),
        Cloud(points, labels, (0.7, 0.3)),
    )
    portrait = replace(report.portrait, names=names, cloud=cloud)
    page = visit(audit_page(replace(report, portrait=portrait)), width=390)
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
