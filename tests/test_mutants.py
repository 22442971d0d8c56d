"""What `make mutants` is told about the code is still true of it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "gramax"


def read(name):
    return tomllib.loads((ROOT / "tests" / "mutation" / name).read_text(encoding="utf-8"))


def test_every_excused_line_is_there():
    reasons = read("explained.toml")
    assert len(reasons) > 3
    for reason in reasons.values():
        for file, lines in reason["lines"].items():
            text = (SOURCE / file).read_text(encoding="utf-8")
            there = {line.strip() for line in text.splitlines()}
            assert set(lines) <= there, (file, set(lines) - there)


def test_every_file_and_its_tests_are_there():
    covered = read("core.toml")["tests"]
    assert len(covered) > 20
    for file, tests in covered.items():
        assert (SOURCE / file).is_file()
        assert tests, file
        assert all((ROOT / test).is_file() for test in tests), file
