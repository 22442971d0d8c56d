"""`python -m tests.mutation`: mutate the numeric core, run its tests, say what survives.

The mutants are cosmic-ray's (the group `mutation` of pyproject.toml), and the session that is
written is one of cosmic-ray's too: `cr-report` and `cr-html` read it. The tests of each mutant run
in a process in which JAX is warm already (`worker`). The checkout is copied first: nothing in it
is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkResult

from tests.mutation import mutants

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COVERED = tomllib.loads((HERE / "core.toml").read_text())["tests"]


class Worker:
    """One copy of the checkout and the process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        env = os.environ | {
            "JAX_DISABLE_JIT": "1",
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(Path(tempfile.gettempdir()) / "gramax-mutants-cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, str(self.folder / "tests/mutation/worker.py")]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=env,
            stdin=pipe,
            stdout=pipe,
            text=True,
            start_new_session=True,
        )

    def run(self, tests: list[str], limit: float) -> tuple[int, str]:
        """Exit code of pytest and the first failure; -1 where time ran out or the process died."""
        if self.process is None:
            self.process = self.start()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(tests) + "\n")
        self.process.stdin.flush()
        ready = select.select([self.process.stdout], [], [], limit)[0]
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            return -1, "timeout" if not ready else "the process died"
        return tuple(json.loads(line))

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


def examine(worker: Worker, mutation: MutationSpec, tests: list[str], limit: float) -> WorkResult:
    """The tests on one mutant."""
    path = worker.folder / mutation.module_path
    operator = get_operator(mutation.operator_name)()
    with use_mutation(path, operator, mutation.occurrence) as (before, after):
        if after is None:
            return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
        code, name = worker.run(tests, limit)
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    diff = "\n".join(f"-{a}\n+{b}" for a, b in lines if a != b)
    outcome = TestOutcome.SURVIVED if code == 0 else TestOutcome.KILLED
    return WorkResult(WorkerOutcome.NORMAL, name, outcome, diff)


def work(db_path: str, found: queue.Queue, todo: queue.Queue, factor: float) -> None:
    """Take mutants from `todo`, those of one file after each other, until there are none."""
    with tempfile.TemporaryDirectory(prefix="gramax-mutants-") as folder:
        worker = Worker(Path(folder))
        while True:
            try:
                source, items = todo.get_nowait()
            except queue.Empty:
                break
            began = time.monotonic()
            tests = COVERED[source]
            code, name = worker.run(tests, 1800)
            if code:
                found.put((source, None, f"the tests fail without a mutant: {name}"))
                continue
            cold = time.monotonic() - began
            for item in items:
                result = examine(worker, item.mutations[0], tests, 60 + factor * cold)
                found.put((source, item, result))
        worker.stop()
    found.put((None, None, None))


def plan(db: WorkDB, files: list[str], share: float, seed: int) -> None:
    """Put the sample of every file into a new session."""
    os.chdir(ROOT)
    for source in files:
        items = list(mutants.every(Path("src/gramax") / source))
        db.add_work_items(mutants.sample(items, share, seed))


def execute(db: WorkDB, processes: int, factor: float, again: bool) -> None:
    """Run what the session holds without a result, or what has survived."""
    todo, found = queue.Queue(), queue.Queue()
    pending: dict[str, list] = {}
    alive = {job for job, result in db.results if not result.is_killed}
    for item in (i for i in db.work_items if i.job_id in alive) if again else db.pending_work_items:
        pending.setdefault(str(item.mutations[0].module_path.relative_to("src/gramax")), []).append(
            item
        )
    for source in [s for s in COVERED if s in pending]:
        todo.put((source, pending[source]))
    for _ in range(processes):
        threading.Thread(target=work, args=(db.name, found, todo, factor), daemon=True).start()
    running = processes
    while running:
        source, item, result = found.get()
        if source is None:
            running -= 1
        elif item is None:
            print(source, result, flush=True)
        else:
            db.set_result(item.job_id, result)
            mark = "." if result.is_killed else "S"
            print(mark, source, str(result.output)[-90:], flush=True)


def table(db: WorkDB) -> str:
    """Killed, survived and timed out, by file; then every survivor."""
    rows: dict[str, list[int]] = {s: [0, 0, 0] for s in COVERED}
    survivors = []
    items = {item.job_id: item.mutations[0] for item in db.work_items}
    for job, result in db.results:
        mutation = items[job]
        source = str(mutation.module_path.relative_to("src/gramax"))
        late = result.output == "timeout"
        rows[source][2 if late else int(not result.is_killed)] += 1
        if not result.is_killed:
            survivors.append((source, mutation.start_pos[0], mutation.operator_name, result.diff))
    lines = [
        "| file | mutants | killed | survived | timed out |",
        "| --- | --- | --- | --- | --- |",
    ]
    for source, (killed, survived, late) in rows.items():
        if killed + survived + late:
            lines.append(
                f"| {source} | {killed + survived + late} | {killed} | {survived} | {late} |"
            )
    k, s, t = (sum(column) for column in zip(*rows.values(), strict=True))
    lines.append(f"| all | {k + s + t} | {k} | {s} | {t} |")
    lines.append(f"score {100 * (k + t) / max(k + s + t, 1):.1f} %\n")
    lines += [f"{f}:{line} {name}\n{diff}\n" for f, line, name, diff in sorted(survivors)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=list(COVERED), help="below src/gramax")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--session", default="mutants.sqlite", help="gone on with where it exists")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--factor", type=float, default=3.0, help="of the time limit of a mutant")
    parser.add_argument("--again", action="store_true", help="run the survivors again")
    parser.add_argument("--report", action="store_true", help="of a session, and run nothing")
    args = parser.parse_args()
    session = os.path.abspath(args.session)
    if not os.path.exists(session):
        with use_db(session, WorkDB.Mode.create) as db:
            plan(db, args.files, args.share, args.seed)
    with use_db(session, WorkDB.Mode.open) as db:
        if not args.report:
            execute(db, args.processes, args.factor, args.again)
        print(table(db))


if __name__ == "__main__":
    main()
