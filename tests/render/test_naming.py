"""Short names on a page: bounded, and told apart wherever the whole ones are."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.render.test_page import LIMIT, island, report, size, thousand  # noqa: F401

from gramax.audits.report import Pair
from gramax.comparison import Moved
from gramax.data.text import named
from gramax.render import comparison, terminal
from gramax.render.page import audit_page
from gramax.render.page.naming import short_names

PATH = "imagenet/ILSVRC2012/train/animals/vertebrates/class_"

KINDS = {
    "paths": [f"{PATH}{k:04d}" for k in range(1000)],
    "ends": [f"{'a' * 60}{k}" for k in range(1000)],
    "middles": [f"{'a' * 30}{k:04d}{'b' * 30}" for k in range(1000)],
    "middles of words": [f"{'é' * 9} {k % 7} {'a' * 30}{k:04d}{'b' * 30}" for k in range(1000)],
    "three bytes a letter": [f"{'漢' * 30}{k}{'字' * 30}" for k in range(1000)],
    "lengths": ["x" * k for k in range(1000)],
    "one is the beginning of all": [PATH, *(f"{PATH}{k}" for k in range(100))],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [16, 40])
def test_short_names_are_bounded_and_distinct(kind, most):
    found = short_names(KINDS[kind], most)
    assert list(found.shown) == KINDS[kind]
    assert max(len(name.encode()) for name in found.shown.values()) <= most
    assert len(set(found.shown.values())) == len(KINDS[kind])
    assert all(name.startswith(found.prefix) for name in KINDS[kind])


def test_what_tells_names_apart_is_kept():
    found = short_names(KINDS["paths"], 40)
    assert found.prefix == "imagenet/ILSVRC2012/train/animals/vertebrates/"
    assert found.shown[f"{PATH}0123"] == "…class_0123"
    for name, short in short_names(KINDS["middles"], 40).shown.items():
        assert name[30:34] in short


def test_names_that_fit_stay_whole():
    names = ["a/b/cat", "a/b/dog", "~", "…"]
    assert short_names(names, 16).shown == {name: name for name in names}
    assert short_names(names, 16).prefix == ""
    assert short_names([], 16).shown == {}


def test_a_page_of_paths_names_every_class(thousand):
    names = KINDS["paths"]
    views = tuple(
        replace(view, name=name, nearest=names[0])
        for view, name in zip(thousand.classes, names, strict=True)
    )
    portrait = replace(thousand.portrait, names=tuple(names))
    page = audit_page(replace(thousand, classes=views, portrait=portrait))
    assert size(page) < LIMIT
    shown = list(island(page)["names"].values())
    assert len(set(shown)) == len(shown) > 900
    assert len(re.findall(r"<tr><td>…class_\d{4}<td>", page)) == 1000
    assert page.count(f"<code>{PATH.removesuffix('class_')}</code>") == 1


def test_labels_in_a_picture_are_short_and_distinct(report):
    names = tuple(f"{'the same beginning of a name, ' * 2}{k}" for k in "abcd")
    found = island(audit_page(replace(report, portrait=replace(report.portrait, names=names))))
    assert set(found["names"].values()) == set(names)
    assert sorted(found["labels"].values()) == ["…a", "…b", "…c", "…d"]


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
    out.print(comparison._moved(type("Found", (), {"moved": (moved,)})))
    assert "(empty)  ·  (3 spaces)" in out.file.getvalue()


def test_json_keeps_empty_and_blank_names(blank):
    data = json.loads(json.dumps(blank.to_dict(), default=str))
    assert {"", "   "} < {row["name"] for row in data["classes"]}
    assert named("a b") == "a b"
    assert named(" ") == "(1 space)"
    assert np.all([named(name) == name for name in KINDS["paths"]])
