"""What all decisions share: the terminal, the page and the notebook draw them from their tables."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gramax.cli import cli, main
from gramax.decide.decision import Chart, Column, Decision, Estimate, Line, Table
from gramax.decide.held_out import USES
from gramax.decide.rows import read_rows
from gramax.decide.shrink import QUALITIES
from gramax.errors import InputError
from gramax.render.page import decision_page


@dataclass(frozen=True, repr=False)
class Example(Decision):
    name = "example"
    size: Estimate | None = None

    def tables(self):
        columns = (Column("what", "words"), Column("share", "percent"), Column("rows", "count"))
        rows = (("<b>as it is</b>", self.size, 1234), ("halved", None, float("nan")))
        return (Table("Remedies", columns, rows, "A note.", chosen=1),)

    def chart(self):
        x = np.arange(1.0, 4)
        line = Line("<i>", x, x**2, x**2 - 1, x**2 + 1)
        return Chart("Curve", "A sentence.", "bytes", "recall", (line,), marks=((2.0, "here"),))

    def numbers(self):
        return {"size": self.size}


@pytest.fixture
def example():
    size = Estimate(0.25, 0.2, 0.3)
    return Example("<script>", "5 rows", "Leave it as it is.", ("one note",), size=size)


def test_the_terminal_shows_every_cell_and_marks_the_choice(example):
    text = repr(example)
    for words in ("Leave it as it is.", "25.0 % (20.0 to 30.0)", "1,234", "A note.", "one note"):
        assert words in text
    chosen = next(line for line in text.splitlines() if "halved" in line)
    assert chosen.startswith("●")
    assert chosen.split()[-2:] == ["–", "–"]


def test_pages_escape_what_they_are_given_and_draw_the_band(example):
    for page in (decision_page(example), example._repr_html_()):
        assert "Leave it as it is." in page
        assert "<script>\n" not in page.replace('<script>"use strict"', "")
        assert "<b>as it is" not in page
        assert "&lt;b&gt;as it is" in page
    assert 'class="band"' in decision_page(example)
    assert "&lt;i&gt;" in decision_page(example)


def test_json_has_a_stable_head_and_no_nan(example):
    found = example.to_dict()
    assert list(found)[:3] == ["schema", "decision", "source"]
    assert json.loads(json.dumps(found, allow_nan=False))["size"]["high"] == 0.3
    undefined = replace(example, size=Estimate(float("nan"))).to_dict()
    assert undefined["size"] == {"value": None, "low": None, "high": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits, a noisy copy of them, and their classes."""
    path = tmp_path_factory.mktemp("digits")
    z, y = load_digits(return_X_y=True)
    z, y = z[:250].astype(np.float32), y[:250]
    noisy = z + 2 * np.random.default_rng(0).normal(size=z.shape)
    for name, array in (("z", z), ("noisy", noisy), ("y", y)):
        np.save(path / f"{name}.npy", array)
    return path


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("threshold z.npy --labels y.npy", "Both errors over the cosine"),
        ("fix z.npy --labels y.npy", "whiten_0.5"),
        ("fix z.npy", "hubness falls by"),
        ("shrink z.npy --labels y.npy --by nearest_mean", "Quality against size"),
        ("rank z.npy noisy.npy --labels y.npy", "CKA with the one before"),
        ("sides z.npy noisy.npy", "Recall@k"),
        ("compare z.npy noisy.npy --labels y.npy", "Cosine of each pair of class codes"),
        ("compare z.npy noisy.npy --codes", "Codes that are matched least closely"),
    ],
)
def test_every_decision_is_printed_and_written(folder, monkeypatch, capsys, typed, shown):
    monkeypatch.chdir(folder)
    assert main([*typed.split(), "--json", "out.json", "--html", "out.html"]) == 0
    told = json.loads((folder / "out.json").read_text(), parse_constant=pytest.fail)
    assert told["decision"] == typed.split()[0]
    printed = " ".join(capsys.readouterr().out.split())
    page = (folder / "out.html").read_text()
    for words in (told["headline"], *told["notes"]):
        assert words in printed
        assert html.escape(words, quote=False) in page.replace("&#39;", "'").replace("&#34;", '"')
    assert shown in page


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [("shrink", "by", tuple(QUALITIES)), ("fix", "use", ("all", *USES))],
)
def test_commands_offer_every_choice(command, option, choices):
    asked = cli.commands[command].params
    assert tuple(next(one.type.choices for one in asked if one.name == option)) == choices


def test_rows_are_read_with_their_classes():
    z, y = np.eye(6)[np.arange(60) % 6] + 0.01, np.arange(60) % 6
    found = read_rows(z, y)
    assert found.labelled
    assert len(found.rows) == 60
    np.testing.assert_allclose(np.linalg.norm(found.directions(), axis=1), 1)
    with pytest.raises(InputError, match="needs two classes at least; it has no labels"):
        read_rows(z, needs_labels="a threshold")
