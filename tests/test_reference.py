"""docs/reference holds what a reader may use, with the signatures that it has."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from gramax.cli import cli
from gramax.metrics.registry import METRICS

ROOT = Path(__file__).parents[1]
REFERENCE = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")
)
SOURCES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts): path.read_text("utf-8")
    for path in (ROOT / "src" / "gramax").rglob("*.py")
}
ADAPTERS = [
    f"{module}.{name}"
    for module, text in SOURCES.items()
    if re.fullmatch(r"gramax\.training\.\w+", module) and "= need(" in text
    for name in re.findall(r"^(?:class|def) ([A-Za-z]\w*)", text, re.MULTILINE)
]


def found(pattern: str) -> list[str]:
    """Full names of what is defined so somewhere."""
    return [
        f"{module}.{name}"
        for module, text in SOURCES.items()
        for name in re.findall(pattern, text, re.MULTILINE)
    ]


def test_every_function_that_draws_on_given_axes_is_there():
    names = found(r"^def ([a-z]\w*)\([^)]*\bax: Axes \| None")
    assert len(names) > 3
    assert [name for name in names if f"### `{name}`" not in REFERENCE] == []


def test_every_adapter_and_sink_is_there():
    sinks = [name.split(".")[-1] for name in found(r"^class (\w+)\(BaseSink\)")]
    names = ADAPTERS + [f"gramax.training.sinks.{name}" for name in sinks]
    assert len(names) > 9
    assert [name for name in names if f"### `{name}`" not in REFERENCE] == []


def test_generated_pages_list_every_command_and_metric():
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        section = commands.partition(f"\n## gramax {name}\n")[2].partition("\n## ")[0]
        options = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
        shown = set(re.findall(r"--[a-z][\w-]*", section))
        assert {option for option in options if option.startswith("--")} <= shown, name
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    missing = [one.name for one in METRICS.everything() if f"| [`{one.name}`]" not in glossary]
    assert missing == []


def _everywhere(name: str) -> object:
    """The adapters of large frameworks are met in `make test-nightly`."""
    large = name.split(".")[2] in ("keras", "lightning", "transformers")
    marks = [pytest.mark.nightly, pytest.mark.filterwarnings("ignore")] if large else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [_everywhere(name) for name in ADAPTERS])
def test_an_adapter_is_only_read_and_still_has_its_real_signature(name):
    module, _, name = name.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    real = inspect.signature(value.__init__ if inspect.isclass(value) else value)
    names = [one.name for one in real.parameters.values() if one.name != "self"]
    shown = re.search(rf"^{module}.{name}\((.*?)\)\n```$", REFERENCE, re.MULTILINE | re.DOTALL)
    assert shown
    assert re.findall(r"(?:^|, )(\w+)", " ".join(shown[1].split())) == names
