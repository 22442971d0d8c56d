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
PINS = {"nightly": "constraints-nightly.txt"}
"""Groups with pins of their own; those of all else are in constraints.txt."""
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


def pins(file: str = "constraints.txt") -> dict[str, str]:
    """The version of each package that a file pins."""
    lines = (line.split("==") for line in (ROOT / file).read_text().split())
    return {canonicalize_name(package): version for package, version in lines}


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_package_is_pinned(name):
    assert pins()[name] == metadata.version(name)


ASKED = {
    "build-system": PYPROJECT["build-system"]["requires"],
    "project": PROJECT["dependencies"],
    **PROJECT["optional-dependencies"],
    **GROUPS,
}


@pytest.mark.parametrize("group", ASKED)
def test_every_requirement_of_every_group_has_a_pin_that_it_allows(group):
    pinned = pins(PINS.get(group, "constraints.txt"))
    for one in map(Requirement, ASKED[group]):
        if one.name != "gramax":
            assert one.specifier.contains(pinned[canonicalize_name(one.name)]), one


def test_every_installation_of_the_makefile_is_pinned():
    """But for the targets that are about other versions."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    installs = [line for line in lines if "-m pip install" in line]
    loose = [line for line in installs if not re.search(r" -c \S*constraints", line)]
    assert len(installs) > 10
    assert {line.split()[0] for line in loose} == {"$(NEWEST)"}


@pytest.mark.parametrize("name", EVERYTHING)
def test_licences_allow_any_use(name):
    assert re.search(FREE, licence(name)), licence(name)


@pytest.mark.parametrize("file", ["constraints.txt", *PINS.values()])
def test_pins_record_no_address(file):
    lines = (ROOT / file).read_text().splitlines()
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
