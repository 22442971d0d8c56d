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
EXTRAS = PROJECT["optional-dependencies"]
TOLD = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
FREE = r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|0BSD|Unlicense|Zlib"
FILES = ["constraints.txt", "constraints-nightly.txt"]
PINS = {
    file: {
        canonicalize_name(package): version
        for package, version in (line.split("==") for line in (ROOT / file).read_text().split())
    }
    for file in FILES
}


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


def test_every_package_is_pinned_and_its_licence_allows_any_use():
    everything = brought(["gramax[all]"]) - {"gramax"}
    assert {"jax", "jaxlib", "scipy", "ray", "pyarrow", "orbax-checkpoint"} <= everything
    for name in everything:
        meta = metadata.metadata(name)
        assert PINS["constraints.txt"][name] == meta["Version"], name
        said = [meta.get("License-Expression") or "", (meta.get("License") or "")[:200]]
        said += [one for one in meta.get_all("Classifier") or () if one.startswith("License ::")]
        assert re.search(FREE, " ".join(said)), (name, said)


ASKED = {
    "build-system": PYPROJECT["build-system"]["requires"],
    "project": PROJECT["dependencies"],
    **EXTRAS,
    **GROUPS,
}


@pytest.mark.parametrize("group", ASKED)
def test_every_requirement_of_every_group_has_a_pin_that_it_allows(group):
    pinned = PINS[FILES[group == "nightly"]]
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


def test_pins_record_no_address():
    for file in FILES:
        lines = (ROOT / file).read_text().splitlines()
        assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
        assert lines == sorted(lines, key=str.lower)


def test_the_docs_say_why_each_is_there():
    rows = re.findall(r"^\| ([\w, -]+) \| (?:base|`(\w+)`) \| .+ \|$", TOLD, re.MULTILINE)
    said = {(name.strip(), extra) for names, extra in rows for name in names.split(",")}
    groups = {"": PROJECT["dependencies"], **EXTRAS}
    wanted = {(Requirement(one).name, extra) for extra, asked in groups.items() for one in asked}
    assert said == {(name, extra) for name, extra in wanted if name != "gramax"}


def test_the_docs_say_what_no_extra_brings():
    text = TOLD.partition("in no extra")[2]
    rows = re.findall(r"^\| ([a-z, -]*[a-z]) \| .*`.* \|$", text, re.MULTILINE)
    said = {name.strip() for names in rows for name in names.split(",")}
    assert said.isdisjoint(Requirement(one).name for extra in EXTRAS.values() for one in extra)
    tools = {"accelerate", "hypothesis", "pytest", "torch"}  # of the tests, and of those frameworks
    assert said == {Requirement(one).name for one in GROUPS["nightly"]} - tools
