"""The page in a real Chromium: no errors, no requests, and everything answers."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

import io
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.render.browsing import browser, column, found, story, visit  # noqa: F401  (fixtures)
from tests.render.test_page import report, thousand  # noqa: F401  (fixtures)

from gramax.comparison.changes import change
from gramax.render.page import audit_page, comparison_page
from gramax.render.terminal import show_comparison
from gramax.uncertainty.errorbars import ErrorBar


def test_tables_sort_and_filter(visit, report):
    page = visit(audit_page(report))
    head = page.locator("#classes thead th", has_text="Within variance")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text) for text in column(page, "classes", 2)]
    assert values == sorted(values, reverse=True)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in column(page, "classes", 2)] == sorted(values)
    page.fill("#numbers-filter", "effective")
    assert [text.split("\n")[0] for text in column(page, "numbers", 0)] == ["effective_rank"]
    assert page.text_content("#numbers-count").startswith("1 of ")
    page.fill("#numbers-filter", "class_coherence")
    assert "class_coherence" in [text.split("\n")[0] for text in column(page, "numbers", 0)]
    page.fill("#classes-filter", report.classes[0].name)  # by name, not by any figure of the row
    assert column(page, "classes", 0) == [report.classes[0].name]
    page.fill("#numbers-filter", "")
    assert len(column(page, "numbers", 0)) == len(report)


def test_what_is_not_known_is_sorted_last(visit, report):
    views = list(report.classes)
    views[0] = replace(views[0], nearest=None, cosine=None)
    page = visit(audit_page(replace(report, classes=tuple(views))))
    for index in (4, 5):
        for _ in range(2):
            page.locator("#classes thead button").nth(index).click()
            shown = column(page, "classes", index)
            assert shown[-1] == "–"
            assert "–" not in shown[:-1]
    z = page.locator("#numbers thead th", has_text="z")
    for _ in range(2):
        z.locator("button").click()
        shown = [text != "–" for text in column(page, "numbers", 3)]
        assert any(shown)
        assert shown == sorted(shown, reverse=True)


def test_infinite_scores_are_the_largest(visit, found):
    changes = dict(found.changes)
    names = list(changes)[:3]
    for name, after in zip(names, (2.0, 0.0, 1.01), strict=True):
        changes[name] = change(name, 1.0, after, 0.0 if after != 1.01 else 0.001)
    page = visit(comparison_page(replace(found, changes={name: changes[name] for name in names})))
    head = page.locator("#numbers thead th", has_text="z").locator("button")
    head.click()
    assert column(page, "numbers", 5) == ["+∞", "+10", "−∞"]
    head.click()
    assert column(page, "numbers", 5) == ["−∞", "+10", "+∞"]


def test_headings_show_that_they_sort(visit, report):
    page = visit(audit_page(report))
    mark = "e => getComputedStyle(e, '::after').content"
    button = page.locator("#classes thead button").nth(2)
    assert button.evaluate(mark) == '" ↕"'
    button.click()
    assert button.evaluate(mark) == '" ▼"'


def test_errors_have_a_column_where_there_are_any(visit, report):
    plain = visit(audit_page(report))
    assert plain.locator("#numbers thead th", has_text="±").count() == 0
    first = next(iter(report.numbers))
    bar = ErrorBar(0.1, 0.01, 0.08, 0.12, 0.0)
    numbers = report.numbers | {first: replace(report.numbers[first], error=bar)}
    explained = visit(audit_page(replace(report, numbers=numbers)))
    assert explained.locator("#numbers thead th", has_text="±").count() == 1
    assert column(explained, "numbers", 2)[0] == "0.01"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width_dark_mode_and_print(visit, report, thousand, found, scheme, tmp_path):
    long = replace(report, source="a/path/without/any/space/" * 8)
    pages = (audit_page(long), audit_page(thousand), comparison_page(found))
    for html in pages[:: 1 if scheme == "light" else 2]:
        page = visit(html, width=360, scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = np.mean([int(part) for part in ground[4:-1].split(",")]) > 128
        assert light == (scheme == "light")
        page.screenshot(path=tmp_path / "screen.png", full_page=True)
        assert (tmp_path / "screen.png").stat().st_size > 10_000
    assert len(page.pdf(format="A4")) > 20_000


def test_keyboard_reaches_everything_in_order(visit, found):
    page = visit(comparison_page(found))
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )
    assert reached[0] == "Skip to the verdict"
    assert {"A", "B", "Change", "heat-map"} <= set(reached)
    page.click("[data-view='2']")
    page.focus("#heat-map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    told = {}
    for view in (0, 1, 2):
        page.click(f"[data-view='{view}']")
        told[view] = float(page.text_content("#heat-read").split()[-1].replace("−", "-"))
    assert told[2] == pytest.approx(told[1] - told[0], abs=3e-4)


def test_a_phone_can_scroll_to_every_column_and_keeps_the_name(visit, report, found):
    audit, both = audit_page(report), ("classes", "numbers")
    for html, tables in ((audit, both), (comparison_page(found), ("numbers",))):
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


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext reads the printed page")
def test_printed_tables_repeat_their_headings(visit, thousand, tmp_path):
    page = visit(audit_page(thousand))
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    command = ["pdftotext", "-layout", tmp_path / "page.pdf", "-"]
    sheets = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\f")
    inside = [sheet for sheet in sheets if sheet.count("two words") > 20]
    assert len(inside) > 5
    assert all("Within variance" in sheet for sheet in inside)


def test_names_that_all_begin_alike_fit_a_phone(visit, report):
    names = tuple(f"{'a_long_beginning_without_a_space/' * 3}"[:79] + str(k) for k in range(4))
    views = tuple(replace(v, name=n, nearest=n) for v, n in zip(report.classes, names, strict=True))
    portrait = replace(report.portrait, names=names)
    page = visit(audit_page(replace(report, portrait=portrait, classes=views)), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_text_of_charts_can_be_read_on_a_phone(visit, report, story):
    size = """e => e.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize)"""
    wide = {"width": 390, "height": 800}
    for page in (visit(audit_page(report), width=390), story(viewport=wide)):
        sizes = [text.evaluate(size) for text in page.locator("figure svg text").all()]
        assert len(sizes) > 10
        assert min(sizes) > 11
    page.close()


def test_a_timeline_shows_its_verdict_on_a_phone(story):
    page = story(viewport={"width": 390, "height": 800})
    verdicts = page.locator(".verdict").all()
    assert len(verdicts) == 2
    for cell in verdicts:
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    numbers = page.locator("tbody tr:first-child td").all()
    assert len(numbers) > 4
    for number in numbers:
        number.evaluate("e => e.scrollIntoView({inline: 'end', block: 'nearest'})")
        box, name = number.bounding_box(), page.locator("tbody th").first.bounding_box()
        assert name["x"] >= 0
        assert box["x"] >= name["x"] + name["width"] - 1
        assert box["x"] + box["width"] <= 391
    page.close()


def test_a_timeline_is_dark_on_screens_alone(story):
    page = story(color_scheme="dark")
    look = """() => [getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector("path")).filter]"""
    assert page.evaluate(look) == ["rgb(22, 25, 29)", "brightness(1.5)"]
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(look) == ["rgb(255, 255, 255)", "none"]
    page.close()


def test_pairs_that_moved_say_what_is_real(visit, found):
    first = found.moved[0]
    moved = (first, replace(first, after=0.12), replace(first, error=None))
    page = visit(comparison_page(replace(found, moved=moved)))
    told = page.locator(".pairs li small b")
    assert told.all_text_contents() == ["◆ changed", "= within noise", "? cannot be told"]
    assert "real beyond 3 of them" in page.text_content(".pairs p")
    out = Console(file=io.StringIO(), width=110)
    show_comparison(replace(found, moved=moved), out)
    lines = [line for line in out.file.getvalue().splitlines() if f"{first.a}  ·" in line]
    assert [line.split()[-1] for line in lines] == ["changed", "same", "unknown"]
