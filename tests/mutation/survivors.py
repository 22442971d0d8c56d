"""SURVIVORS.md: what a run killed, and every mutant that lives, with the reason why it may.

The reasons are in `explained.toml`, by file, the text of the line, and what was changed in it, and
whether the numbers are the same (`equivalent`): no test can kill such a mutant. A survivor that is
not there is listed as new.
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
This page is of a share of {share:g} of the mutants of each file, drawn with seed {seed}.
"""


def page(
    chosen: dict[str, list[WorkItem]], results: dict[str, WorkResult], share: float, seed: int
) -> str:
    """The whole page, of a share of the mutants that a seed has drawn."""
    found = {s: [results[i.job_id] for i in chosen[s] if i.job_id in results] for s in chosen}
    alive = Counter(place(s, r.diff) for s in found for r in found[s] if not r.is_killed)
    survived, same, parts = alive.total(), 0, []
    for reason in tomllib.loads(EXPLAINED.read_text()).values():
        here = {p: alive.pop(p) for p in listed(reason) if p in alive}
        same += sum(here.values()) * reason["equivalent"]
        if here:
            parts.append(section(reason["title"], reason["why"].strip(), here))
    if alive:
        parts.append(section("New", "Not explained in `explained.toml`.", alive))
    return "\n".join(
        [
            HEAD.format(share=share, seed=seed),
            table(found),
            score(sum(map(len, found.values())), survived, same),
            *parts,
        ]
    )


def score(run: int, survived: int, same: int) -> str:
    """How many mutants are killed, with what a sample of them leaves open."""
    killed, lines = run - survived, []
    for what, of in (("of all", run), ("of those that change a number", run - same)):
        low, high = wilson(killed, of)
        lines.append(
            f"{100 * killed / of:.1f} % {what} are killed: {killed:,} of {of:,} "
            f"(95 % interval of a sample: {100 * low:.1f} to {100 * high:.1f} %)."
        )
    return "\n".join(lines) + "\n"


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share by a sample of it (Wilson 1927)."""
    middle = (hits + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * (hits * (of - hits) / of + z * z / 4) ** 0.5
    return middle - half, middle + half


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
    like = a[first] if first < len(a) else ""
    which = f" ({a[: first + 1].count(like)})" if a.count(like) > 1 else ""
    return f"{old} → {new}{which}"


def listed(reason: dict) -> list[Place]:
    """The mutants that a reason of `explained.toml` names."""
    return [
        (source, line, what)
        for source, lines in reason["lines"].items()
        for line, changes in lines.items()
        for what in changes
    ]


def section(title: str, why: str, count: dict[Place, int]) -> str:
    """One reason and the mutants that live for it."""
    text = [f"## {title} ({sum(count.values())})\n", f"{why}\n"]
    for source, here in groupby(sorted(count), key=lambda p: p[0]):
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
    return "\n".join([*lines, ""])


def _tally(results: list[WorkResult]) -> tuple[int, int, int]:
    late = sum(r.output == LATE for r in results)
    survived = sum(not r.is_killed for r in results)
    return len(results) - survived - late, survived, late
