"""`python -m tests.mutation`: mutate the numeric core, run its tests, say what survives.

The mutants are cosmic-ray's (the group `mutation` of pyproject.toml), and the session that is
written is one of cosmic-ray's too: `cr-report` and `cr-html` read it. A session goes on where it
was left: only mutants without a result are run, and a file that was edited is mutated anew. The
checkout is copied first: nothing in it is touched, but for SURVIVORS.md.
"""

from __future__ import annotations

import argparse
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkItem

from tests.mutation import mutants, survivors
from tests.mutation.running import COVERED, HERE, ROOT, work

SOURCE = Path("src/gramax")


def plan(db: WorkDB, files: list[str], share: float, seed: int) -> dict[str, list[WorkItem]]:
    """The mutants of every file as it is now, in a session that may know some of them."""
    known = {item.job_id for item in db.work_items}
    chosen = {}
    for source in files:
        items = mutants.sample(list(mutants.every(SOURCE / source)), share, seed)
        db.add_work_items(item for item in items if item.job_id not in known)
        chosen[source] = items
    return chosen


def execute(db: WorkDB, chosen: dict[str, list[WorkItem]], args: argparse.Namespace) -> None:
    """Run what has no result yet, or what has survived."""
    todo, found = queue.Queue(), queue.Queue()
    done = {job for job, result in db.results if result.is_killed or not args.again}
    for source, items in chosen.items():
        if pending := [item for item in items if item.job_id not in done]:
            todo.put((source, pending))
    task = found, todo, {}, args.factor
    for _ in range(args.processes):
        threading.Thread(target=work, args=task, daemon=True).start()
    for source, item, result in _answers(found, args.processes):
        if item is None:
            print(source, result, flush=True)
        else:
            db.set_result(item.job_id, result)
            mark = "." if result.is_killed else "S"
            print(mark, source, item.mutations[0].start_pos[0], result.output[-90:], flush=True)


def _answers(found: queue.Queue, processes: int) -> Iterator[tuple]:
    """What the threads find, until the last of them has ended."""
    while processes:
        answer = found.get()
        if answer[0] is None:
            processes -= 1
        else:
            yield answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=list(COVERED), help="below src/gramax")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--session", default="mutants.sqlite", help="gone on with where it exists")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--factor", type=float, default=5.0, help="of the time limit of a mutant")
    parser.add_argument("--again", action="store_true", help="run the survivors again")
    parser.add_argument("--report", action="store_true", help="of a session, and run nothing")
    parser.add_argument("--out", type=Path, default=HERE / "SURVIVORS.md")
    args = parser.parse_args()
    session = os.path.abspath(args.session)
    mode = WorkDB.Mode.open if os.path.exists(session) else WorkDB.Mode.create
    os.chdir(ROOT)
    with use_db(session, mode) as db:
        chosen = plan(db, args.files, args.share, args.seed)
        if not args.report:
            execute(db, chosen, args)
        args.out.write_text(survivors.page(chosen, dict(db.results), args.share, args.seed))
        print(args.out)


if __name__ == "__main__":
    main()
