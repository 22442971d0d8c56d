"""What `make mutants` is told about the code is still true of it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = tomllib.loads((ROOT / "tests/mutation/core.toml").read_text(encoding="utf-8"))


def test_every_file_and_its_tests_are_there():
    assert len(CORE["tests"]) > 15
    for file, tests in CORE["tests"].items():
        assert (ROOT / "src/gramax" / file).is_file(), file
        assert tests, file
        assert all((ROOT / test).is_file() for test in tests), file
