"""What gramax brings with it: pinned, justified in the docs, under licences that allow its use."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
FREE = r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|0BSD|Unlicense|Zlib"


def brought(requirements: list[str]) -> set[str]:
    """The packages that these requirements install here, and all that those require."""
    found: set[tuple[str, str]] = set()
    left = [(one, "") for one in requirements]
    while left:
        text, extra = left.pop()
        one = Requirement(text)
        name = canonicalize_name(one.name)
        if one.marker and not one.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *one.extras):
            if (name, wanted) not in found:
                found.add((name, wanted))
                left += [(more, wanted) for more in metadata.requires(name) or ()]
    return {name for name, _ in found}


EVERYTHING = sorted(brought(["gramax[all]"]) - {"gramax"})


def licence(name: str) -> str:
    """What the metadata say: an expression, classifiers, or the beginning of the text."""
    meta = metadata.metadata(name)
    said = [meta.get("License-Expression"), (meta.get("License") or "")[:200]]
    said += [one for one in meta.get_all("Classifier") or () if one.startswith("License ::")]
    return " ".join(one for one in said if one)


def test_the_closure_is_found():
    assert {"jax", "jaxlib", "scipy", "ray", "pyarrow", "orbax-checkpoint"} <= set(EVERYTHING)


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_package_is_pinned(name):
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = dict(line.split("==") for line in lines)
    pins = {canonicalize_name(package): version for package, version in pins.items()}
    assert pins[name] == metadata.version(name)


@pytest.mark.parametrize("name", EVERYTHING)
def test_licences_allow_any_use(name):
    assert re.search(FREE, licence(name)), licence(name)


def test_pins_record_no_address():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
    assert lines == sorted(lines, key=str.lower)


def test_the_docs_say_why_each_is_there():
    rows = re.findall(
        r"^\| ([\w, -]+) \| (?:base|`(\w+)`) \| .+ \|$",
        (ROOT / "docs" / "dependencies.md").read_text(),
        re.MULTILINE,
    )
    said = {(name.strip(), extra) for names, extra in rows for name in names.split(",")}
    wanted = {(Requirement(one).name, "") for one in PROJECT["dependencies"]}
    for extra, requirements in PROJECT["optional-dependencies"].items():
        wanted |= {(Requirement(one).name, extra) for one in requirements}
    assert said == {(name, extra) for name, extra in wanted if name != "gramax"}


def test_the_docs_say_what_no_extra_brings():
    text = (
        (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").partition("in no extra")[2]
    )
    rows = re.findall(r"^\| ([a-z, -]*[a-z]) \| .*`.* \|$", text, re.MULTILINE)
    said = {name.strip() for names in rows for name in names.split(",")}
    extras = PROJECT["optional-dependencies"].values()
    assert said.isdisjoint(Requirement(one).name for extra in extras for one in extra)
    tools = {"accelerate", "hypothesis", "pytest", "torch"}  # of the tests, and of those frameworks
    nightly = {Requirement(one).name for one in GROUPS["nightly"]}
    assert said == nightly - tools
