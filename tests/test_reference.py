"""docs/reference.md holds what a reader may use, with the signatures that it has."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
SOURCES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts): path.read_text("utf-8")
    for path in (ROOT / "src" / "gramax").rglob("*.py")
}
ADAPTERS = [
    f"{module}.{name}"
    for module, text in SOURCES.items()
    if module.startswith("gramax.training.") and "= need(" in text
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
    assert [name for name in names if f"### `{name}(" not in REFERENCE] == []


def test_every_adapter_and_sink_is_there():
    sinks = [name.split(".")[-1] for name in found(r"^class (\w+)\(BaseSink\)")]
    names = ADAPTERS + [f"gramax.training.sinks.{name}" for name in sinks]
    assert len(names) > 9
    assert [name for name in names if f"### `{name}(" not in REFERENCE] == []


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
    shown = re.search(rf"^### `{module}.{name}\((.*)\)`$", REFERENCE, re.MULTILINE)
    assert shown
    assert re.findall(r"(?:^|, )(\w+)", shown[1]) == names
