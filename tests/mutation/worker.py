"""A process that keeps JAX warm and runs tests again and again, each time on the code on disk.

Reads one line of JSON a run (the tests in order, the CPU seconds that they may take, and a folder
to watch, if any) and answers with one: pytest's exit code, the first test that failed, and for each
test its seconds and the functions that it has entered, by file of that folder and line. gramax and
the tests are imported afresh for every run; JAX and NumPy stay, and so do the programs of JAX's own
operations. The tests run without `jit`: the same arithmetic, and nothing to compile that the mutant
before has not left behind. Seconds are of the CPU: a busy machine makes no mutant late.
"""

import collections
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import signal
import sys
import time

import pytest


class Witness:
    """A pytest plugin that remembers the first failure, and what each test took and entered."""

    def __init__(self, watched: str | None) -> None:
        self.watched = watched
        self.failed = ""
        self.seconds: dict[str, float] = {}
        self.entered: dict[str, dict[str, list[int]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        begun = collections.defaultdict(set)

        def enter(frame, event, _):
            code = frame.f_code
            if code.co_filename.startswith(self.watched):
                begun[code.co_filename.removeprefix(self.watched)].add(code.co_firstlineno)

        began = time.process_time()
        sys.settrace(enter if self.watched else None)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.process_time() - began
            self.entered[item.nodeid] = {name: sorted(lines) for name, lines in begun.items()}

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (import)"


def forget():
    """Drop what was imported from this checkout."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("gramax", "tests")]:
        del sys.modules[name]


def run(tests: list[str], limit: float, watched: str | None) -> dict:
    """Run the tests up to the first that fails; the process dies where they take too long."""
    forget()
    witness, swallowed = Witness(watched), io.StringIO()
    options = ["-x", "-q", "--assert=plain", "--tb=no", "-p", "no:cacheprovider", "-m", ""]
    options += ["-k", "not jax and not torch"]  # on NumPy alone: there is nothing to compile
    signal.setitimer(signal.ITIMER_PROF, limit)
    with contextlib.redirect_stdout(swallowed), contextlib.redirect_stderr(swallowed):
        code = pytest.main([*options, *tests], plugins=[witness])
    signal.setitimer(signal.ITIMER_PROF, 0)
    failed = witness.failed or (swallowed.getvalue()[-300:] if code else "")
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return vars(witness) | {"code": int(code), "failed": failed, "memory": memory}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.dont_write_bytecode = True
    importlib.import_module("jax.numpy")
    gc.freeze()  # else every collection looks through all of JAX
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
