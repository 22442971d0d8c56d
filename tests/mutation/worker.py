"""A process that keeps JAX warm and runs tests again and again, each time on the code on disk.

Reads one line of JSON a run, the tests to run in order, and answers with one: pytest's exit code
and the first test that failed. gramax and the tests are imported afresh for every run; JAX, NumPy
and hypothesis stay, and so do the programs of JAX's own operations. The tests run without `jit`:
the same arithmetic, and nothing to compile that the mutant before has not left behind.
"""

import contextlib
import gc
import io
import json
import os
import sys

import pytest


class FirstFailure:
    """A pytest plugin that remembers the test that failed."""

    name = ""

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.name:
            self.name = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed and not self.name:
            self.name = f"{report.nodeid} (import)"


def forget():
    """Drop what was imported from this checkout."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("gramax", "tests")]:
        del sys.modules[name]
    gc.collect()


def run(tests: list[str]) -> tuple[int, str]:
    """Run the tests up to the first that fails."""
    forget()
    first, swallowed = FirstFailure(), io.StringIO()
    options = ["-x", "-q", "--assert=plain", "--tb=no", "-p", "no:cacheprovider", "-m", ""]
    with contextlib.redirect_stdout(swallowed), contextlib.redirect_stderr(swallowed):
        code = pytest.main([*options, *tests], plugins=[first])
    return int(code), first.name or swallowed.getvalue()[-300:]


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.dont_write_bytecode = True
    for line in sys.stdin:
        code, name = run(json.loads(line))
        print(json.dumps([code, name]), file=answers, flush=True)


if __name__ == "__main__":
    main()
