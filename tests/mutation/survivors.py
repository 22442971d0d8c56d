"""SURVIVORS.md: what a run killed, and every mutant that lives, with the reason why it may.

The reasons are in `explained.toml`, by file, the text of the line, and what was changed in it. A
survivor that is not there is listed as new.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from itertools import groupby
from pathlib import Path

from cosmic_ray.work_item import WorkItem, WorkResult

from tests.mutation.running import LATE

Place = tuple[str, str, str]
"""A file, the text of a line, and what was changed in it."""

EXPLAINED = Path(__file__).parent / "explained.toml"
HEAD = """# Mutants of the numeric core that live, and why

Written by `make mutants`, which changes one operator, comparison or number at a time in the files
that `core.toml` lists, and runs their tests; edit `explained.toml`, not this page. cosmic-ray makes
the mutants; `mutants.py` says which of its operators are used and what is left alone, with reasons.
"""


def page(chosen: dict[str, list[WorkItem]], results: dict[str, WorkResult]) -> str:
    """The whole page."""
    found = {s: [results[i.job_id] for i in chosen[s] if i.job_id in results] for s in chosen}
    alive = Counter(place(s, r.diff) for s in found for r in found[s] if not r.is_killed)
    parts = [HEAD, table(found)]
    for reason in tomllib.loads(EXPLAINED.read_text()).values():
        here = [p for p in listed(reason) if p in alive]
        if here:
            parts.append(section(reason["title"], reason["why"].strip(), here, alive))
            alive = Counter({p: n for p, n in alive.items() if p not in here})
    if alive:
        parts.append(section("New", "Not explained in `explained.toml`.", list(alive), alive))
    return "\n".join(parts)


def place(source: str, diff: str) -> Place:
    """Where a mutant is and what it changes, from the lines that cosmic-ray's diff begins with."""
    before, after = (re.search(rf"^\{s}(.*)$", diff, re.M) for s in "-+")
    assert before
    assert after
    return source, before[1].strip(), change(before[1].strip(), after[1].strip())


def change(before: str, after: str) -> str:
    """What differs, `old → new`, and which of its like in the line it is (from 1) if there are."""
    a, b = (
        re.findall(r"\w+(?:\.\w+)?|\*\*|//|<=|>=|==|!=|<<|>>|\S|\s+", s) for s in (before, after)
    )
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    last = 0
    while last < min(len(a), len(b)) - first and a[-1 - last] == b[-1 - last]:
        last += 1
    old, new = ("".join(s[first : len(s) - last]).strip() for s in (a, b))
    which = f" ({a[: first + 1].count(a[first])})" if a.count(a[first]) > 1 else ""
    return f"{old} → {new}{which}"


def listed(reason: dict) -> list[Place]:
    """The mutants that a reason of `explained.toml` names."""
    return [
        (source, line, what)
        for source, lines in reason["lines"].items()
        for line, changes in lines.items()
        for what in changes
    ]


def section(title: str, why: str, places: list[Place], count: Counter[Place]) -> str:
    """One reason and the mutants that live for it."""
    text = [f"## {title} ({sum(count[p] for p in places)})\n", f"{why}\n"]
    for source, here in groupby(sorted(places), key=lambda p: p[0]):
        text.append(f"{source}\n")
        for line, changes in groupby(here, key=lambda p: p[1]):
            text.append(f"- `{line}`: {', '.join(f'`{what}`' for *_, what in changes)}")
        text.append("")
    return "\n".join(text)


def table(found: dict[str, list[WorkResult]]) -> str:
    """Killed, survived and timed out, by file."""
    rows = {s: (len(r), *_tally(r)) for s, r in found.items() if r}
    rows["all"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    lines = [
        "| file | mutants | killed | survived | timed out |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [f"| {' | '.join(map(str, (s, *row)))} |" for s, row in rows.items()]
    share = 100 * (1 - rows["all"][2] / max(rows["all"][0], 1))
    return "\n".join([*lines, f"\n{share:.1f} % do not live.\n"])


def _tally(results: list[WorkResult]) -> tuple[int, int, int]:
    late = sum(r.output == LATE for r in results)
    survived = sum(not r.is_killed for r in results)
    return len(results) - survived - late, survived, late
