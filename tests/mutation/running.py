"""A mutant after the other in a copy of the checkout, with the tests that reach it, cheapest first.

What a test reaches is seen once, without a mutant: the functions that it enters. Of the tests that
enter a mutant's function those run first that have killed one there before. A mutant outside of
functions, which the import evaluates, meets all tests of its file.
"""

from __future__ import annotations

import ast
import compileall
import contextlib
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.mutating import use_mutation
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COVERED: dict[str, list[str]] = tomllib.loads((HERE / "core.toml").read_text())["tests"]
LATE = "out of time"
HANGS = 1800
"""Seconds by the wall clock after which a process that does nothing is given up."""
LARGEST = 6 << 30
"""Bytes that a process may grow to before a new one takes its place: JAX keeps every program."""


class Worker:
    """One copy of the checkout and the process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        compileall.compile_dir(folder, quiet=2)  # so that only the mutated file is compiled again
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        env = os.environ | {
            "JAX_DISABLE_JIT": "1",
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": "2",
            "JAX_COMPILATION_CACHE_DIR": str(Path(tempfile.gettempdir()) / "gramax-mutants-cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, str(self.folder / "tests/mutation/worker.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=env, start_new_session=True, **pipes)

    def run(self, tests: list[str], limit: float, watched: str | None = None) -> dict:
        """What `worker.run` answers; a code of -1 where time ran out or the process died."""
        if self.process is None:
            self.process = self.start()
        assert self.process.stdin
        assert self.process.stdout
        task = {"tests": tests, "limit": limit, "watched": watched}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        ready = select.select([self.process.stdout], [], [], HANGS)[0]
        line = self.process.stdout.readline() if ready else ""
        if line:
            answer = json.loads(line)
            if answer["memory"] > LARGEST:
                self.stop()
            return answer
        late = not ready or self.process.wait() == -signal.SIGPROF
        self.stop()
        return {"code": -1, "failed": LATE if late else "the process died"}

    def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # it may have died
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@dataclass
class Reach:
    """Which tests enter which functions of a file, and what they cost."""

    functions: list[tuple[int, int, int]]  # where each begins, its body begins, and it ends
    seconds: dict[str, float]
    entered: dict[str, list[int]]
    kills: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of(cls, source: str, text: str, answer: dict) -> Reach:
        """Of a file and its text, by what the worker answered when it watched some tests."""
        found = []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                found.append((first, node.body[0].lineno, node.end_lineno))
        entered = {test: there.get(source, []) for test, there in answer["entered"].items()}
        return cls(found, answer["seconds"], entered)

    def function(self, line: int) -> tuple[int, int, int] | None:
        """The outermost function whose body holds the line."""
        return next((f for f in sorted(self.functions) if f[1] <= line <= f[2]), None)

    def tests(self, line: int) -> list[str]:
        """The tests for a mutant of this line, in order."""
        function = self.function(line)
        reaching = [
            test
            for test, begins in self.entered.items()
            if function is None or any(function[0] <= b <= function[2] for b in begins)
        ]
        killers = [test for begin, test in self.kills if function and begin == function[0]]
        return sorted(reaching, key=lambda t: (-killers.count(t), self.seconds[t]))

    def remember(self, line: int, test: str) -> None:
        if (function := self.function(line)) and test in self.seconds:
            self.kills.append((function[0], test))


class Tests:
    """The tests of a source, file by file; each is watched without a mutant when first needed."""

    def __init__(self, worker: Worker, source: str, seen: dict[str, dict]) -> None:
        self.worker, self.source, self.seen = worker, source, seen
        self.text = (worker.folder / "src/gramax" / source).read_text()
        self.known: dict[str, Reach] = {}

    def __iter__(self) -> Iterator[Reach]:
        for name in COVERED[self.source]:
            if name not in self.known:
                self.known[name] = Reach.of(self.source, self.text, self.watch(name))
            yield self.known[name]

    def watch(self, name: str) -> dict:
        if name not in self.seen:
            answer = self.worker.run([name], HANGS, f"{self.worker.folder}/src/gramax/")
            if answer["code"]:
                raise RuntimeError(f"{answer['failed']} fails without a mutant")
            self.seen[name] = answer
        return self.seen[name]


def examine(mutation: MutationSpec, tests: Tests, factor: float) -> WorkResult:
    """The tests on one mutant, up to the first that fails."""
    path = tests.worker.folder / mutation.module_path
    operator, line = get_operator(mutation.operator_name)(), mutation.start_pos[0]
    answer = {"code": 0, "failed": ""}
    for reach in tests:
        if names := reach.tests(line):
            limit = 20 + factor * sum(reach.seconds[name] for name in names)
            with use_mutation(path, operator, mutation.occurrence):
                answer = tests.worker.run(names, limit)
        if answer["code"]:
            reach.remember(line, answer["failed"])
            break
    outcome = TestOutcome.KILLED if answer["code"] else TestOutcome.SURVIVED
    diff = changed(path, operator, mutation.occurrence)
    return WorkResult(WorkerOutcome.NORMAL, answer["failed"], outcome, diff)


def changed(path: Path, operator: Operator, occurrence: int) -> str:
    """The first line that a mutant changes, before and after."""
    with use_mutation(path, operator, occurrence) as (before, after):
        lines = zip(before.splitlines(), after.splitlines(), strict=False)
        return next(f"-{a}\n+{b}" for a, b in lines if a != b)


def work(
    found: queue.Queue,
    todo: queue.Queue[tuple[str, list[WorkItem]]],
    seen: dict[str, dict],
    factor: float,
) -> None:
    """Take mutants from `todo`, those of one file after each other, until there are none."""
    with tempfile.TemporaryDirectory(prefix="gramax-mutants-") as folder:
        worker = Worker(Path(folder).resolve())
        while not todo.empty():
            with contextlib.suppress(queue.Empty):
                source, items = todo.get_nowait()
                tests = Tests(worker, source, seen)
                try:
                    for item in items:
                        found.put((source, item, examine(item.mutations[0], tests, factor)))
                except RuntimeError as broken:
                    found.put((source, None, str(broken)))
        worker.stop()
    found.put((None, None, None))
