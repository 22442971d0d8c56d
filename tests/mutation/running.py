"""Run tests in a copy of the checkout, in a process of their own that starts with the libraries."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

SECONDS = 300
"""A mutant that takes longer counts as killed: it loops."""

# Importing the libraries takes longer than most tests: it is done once, before processes fork.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "hypothesis.extra.numpy", "scipy.stats", "jax"])


def passes(tree: Path, tests: list[str]) -> bool:
    """Whether the tests pass in a copy of the checkout."""
    process = PROCESSES.Process(target=_run_tests, args=(tree, tests))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode == 0


def _run_tests(tree: Path, tests: list[str]) -> None:
    sys.dont_write_bytecode = True  # two mutants of one second have the same time
    os.chdir(tree)
    for name in [n for n in sys.modules if n.partition(".")[0] == "tests"]:
        del sys.modules[name]
    sys.path[:0] = [str(tree / "src"), str(tree)]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    os.environ["JAX_PLATFORMS"] = "cpu"
    with open("said.txt", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    options = [
        "-x",
        "-q",
        "--tb=line",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-k",
        "not jax and not torch",
    ]
    sys.exit(pytest.main([*options, *tests]))
