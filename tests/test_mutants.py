"""What `make mutants` is told about the code is still true of it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = tomllib.loads((ROOT / "tests/mutation/core.toml").read_text(encoding="utf-8"))


def test_every_file_its_tests_and_the_explained_lines_are_there():
    assert len(CORE["tests"]) > 15
    lines = set()
    for file, tests in CORE["tests"].items():
        source = (ROOT / "src/gramax" / file).read_text(encoding="utf-8")
        lines |= {line.strip() for line in source.splitlines()}
        assert tests, file
        assert all((ROOT / test).is_file() for test in tests), file
    assert set(CORE["reasons"]) <= lines, set(CORE["reasons"]) - lines
