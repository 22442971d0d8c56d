"""Names of classes as they are shown: whole, escaped, and in words where they are blank."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from tests.render.test_page import island, report, thousand  # noqa: F401  (fixtures)

from gramax._text import named
from gramax.audits.report import Pair
from gramax.comparison import Moved
from gramax.render import terminal
from gramax.render.page import audit_page

PATH = "imagenet/ILSVRC2012/train/animals/vertebrates/class_"


def test_a_page_shows_every_name_whole(thousand):
    names = [f"{PATH}{k:04d}{'x' * 20}" for k in range(1000)]
    views = tuple(
        replace(view, name=name, nearest=names[0])
        for view, name in zip(thousand.classes, names, strict=True)
    )
    portrait = replace(thousand.portrait, names=tuple(names))
    page = audit_page(replace(thousand, classes=views, portrait=portrait))
    assert len(page.encode()) < 600_000
    assert set(island(page)["names"].values()) <= set(names)
    for name in names:
        assert f"<tr><td>{name}<td>" in page


@pytest.fixture(scope="module")
def blank(report):
    """The report with an empty name and one of spaces."""
    new = dict(zip(report.portrait.names, ("", "   ", "cat", "dog"), strict=True))
    views = [
        replace(view, name=new[view.name], nearest=new[view.nearest]) for view in report.classes
    ]
    names = tuple(new[name] for name in report.portrait.names)
    portrait = replace(report.portrait, names=names)
    pairs = {"worst_pairs": (Pair("", "   ", 0.5),), "merged": (Pair("   ", "cat", 1.0),)}
    return replace(report, classes=tuple(views), portrait=portrait, **pairs)


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
    moved = Moved("", "   ", 0.1, 0.6, 0.02)
    out = Console(file=io.StringIO(), width=110)
    out.print(terminal._moved(type("Found", (), {"moved": (moved,)})))
    assert "(empty)  ·  (3 spaces)" in out.file.getvalue()


def test_json_keeps_empty_and_blank_names(blank):
    data = json.loads(json.dumps(blank.to_dict(), default=str))
    assert {"", "   "} < {row["name"] for row in data["classes"]}
    assert named("a b") == "a b"
    assert named(" ") == "(1 space)"
