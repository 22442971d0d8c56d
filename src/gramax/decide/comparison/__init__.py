"""`compare`: two spaces side by side, and which of the differences are real.

The two may be checkpoints, models or layers, of the same rows or of different ones. Where the rows
match, the same random blocks of rows are left out of both, and the jackknife is of the difference
itself, so that what the two owe to the rows that were drawn cancels. Where the rows do not match,
the variances of both add up, and the space of more rows is thinned to as many as the other has.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.audits.audit import BLOCKS, audit
from gramax.audits.targets import count_targets
from gramax.data import Reading
from gramax.decide.comparison.changes import changes_of, most_moved, without_each_of
from gramax.decide.comparison.conclusion import concluded, uses_of
from gramax.decide.comparison.dictionaries import compare_codes
from gramax.decide.comparison.pairing import at_equal_size, by_ids
from gramax.decide.comparison.results import Alignment, Comparison, Side, side_of
from gramax.decide.comparison.saved_reports import compare_saved
from gramax.decide.comparison.similarity import CentredRows, similarities
from gramax.decide.rows import notes_of
from gramax.errors import InputError
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.streaming import Collected, Execution, Progress, Request, Sample, collect, joined

__all__ = ["Comparison", "compare", "compare_saved"]

MAX_PICTURED_CLASSES = 200
"""Classes up to which their cosines are kept for a picture."""


def compare(
    a: Any,
    b: Any,
    labels: Any = None,
    labels_b: Any = None,
    *,
    paired: bool | None = None,
    ids: Any = None,
    ids_b: Any = None,
    codes: bool = False,
    raw: bool = False,
    column: str | None = None,
    groups: Any = None,
    groups_b: Any = None,
    targets: Any = None,
    moved: int = 10,
    options: Options | None = None,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Comparison:
    """Compare two spaces: every number with the error of its change, moved pairs, alignment.

    Args:
        a: the first embeddings, an array or files, as for `gramax.audit`.
        b: the second; of any dimension, and any number of rows. Where the two have different
            numbers of rows that are not paired, as many are drawn at random of the larger: ranks,
            neighbours and most other numbers depend on how many there are.
        labels: of the rows of `a`, and of those of `b` unless `labels_b` is given.
        labels_b: of the rows of `b`.
        paired: row i is the same sample in both; by default where both have as many rows, and the
            same labels if any. Without `ids` rows are paired by their position alone.
        ids: pair the rows by these ids instead, and compare the rows that both have, which are
            held in memory: a column, a file or an array, of both unless `ids_b` is given.
        ids_b: of the rows of `b`.
        codes: the rows are codebooks, as for `gramax.audit`: their codes are matched one to one
            (`Comparison.matching`), and `paired` and `moved` are not used.
        raw: as for `gramax.audit`.
        column: as for `gramax.audit`.
        groups: as for `gramax.audit`, of both unless `groups_b` is given.
        groups_b: of the rows of `b`.
        targets: of a regression, as for `gramax.audit`: `nrc1` is compared then. Where both sides
            have targets, those of `a` are counted.
        moved: how many of the pairs of classes that moved most to name.
        options: as for `gramax.audit`.
        progress: as for `gramax.audit`, of one side after the other.
        execution: who reads the rows, as for `gramax.audit`. What is done of `a` is kept in the
            file `checkpoint.a`, of `b` in `checkpoint.b`. With `skip_bad` rows are not paired where
            some are left out: which of them match is no longer known.
        reading: how the stored numbers of both become rows, as for `gramax.audit`.

    Returns:
        A `Comparison`: `found["effective_rank"].kind` is "better", "worse", "same", ..., and
        `found.headline` tells which space is better, and for what.

    Raises:
        InputError: an input cannot be audited, or rows are said to be paired and cannot be.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(200) % 4
        >>> loose = np.eye(4)[y] + 0.5 * rng.normal(size=(200, 4))
        >>> tight = np.eye(4)[y] + 0.1 * rng.normal(size=(200, 4))
        >>> found = compare(loose, tight, y)
        >>> print(found.paired, found["collapse_ratio"].kind)
        True better
    """
    options, execution = options or Options(), execution or Execution()
    requests: list[Request] = []
    labels_b = labels if labels_b is None else labels_b
    groups_b = groups if groups_b is None else groups_b
    more = {"reading": reading or Reading(), "normalize": not raw, "blocks": 1 if codes else BLOCKS}
    for letter, rows, names, tied in (("a", a, labels, groups), ("b", b, labels_b, groups_b)):
        file = execution.checkpoint
        how = replace(execution, checkpoint=f"{os.fspath(file)}.{letter}" if file else None)
        more |= {"codes": codes, "execution": how, "groups": tied}
        requests.append(Request(rows, names, column, **more))
    told = ""
    if ids is not None:
        requests, told = by_ids(requests, ids, ids if ids_b is None else ids_b, progress)
    if codes:
        return compare_codes(requests, options, progress)
    spaces = [collect(request, progress) for request in requests]
    many = None if targets is None else count_targets(targets, a, spaces[0].rows)
    why_apart = mismatch(spaces[0], spaces[1])
    if paired and why_apart:
        ask = "; pair them by a column of ids (--id, ids=)" if ids is None else ""
        raise InputError(f"rows cannot be paired: {why_apart}{ask}")
    paired = not why_apart if paired is None else paired
    unbiased = False
    if not paired and not codes:
        spaces, drawn, unbiased = at_equal_size(spaces)
        told = drawn or told
    sides: list[Side] = []
    for one in spaces:
        known = {"targets": many, "options": options, "progress": progress}
        report = audit(one, worst=1, portrait=False, headroom=False, **known)
        sides.append(side_of(report, one.left_out))
    if progress:
        progress("comparing", 0, 1, 0)
    left = [without_each_of(*both, options, many or 0) for both in zip(spaces, sides, strict=True)]
    blocks = min(len(one.totals.blocks) for one in spaces)
    changes = changes_of(sides[0], sides[1], left, paired, blocks, unbiased)
    more: dict[str, Any] = {"alignment": _aligned(spaces) if paired else ()}
    if all(one.labelled for one in spaces):
        more |= _classes(spaces, sides, paired, moved)
    found = concluded(sides[0], sides[1], paired, changes, **more)
    return replace(found, notes=_notes(found, why_apart, told, spaces))


def _classes(
    spaces: list[Collected], sides: list[Side], paired: bool, moved: int
) -> dict[str, Any]:
    """What a comparison tells of classes that both spaces have."""
    found: dict[str, Any] = {}
    others = set(spaces[1].names)
    found["names"] = names = tuple(name for name in spaces[0].names if name in others)
    if set(spaces[0].names) == others:
        same = _same_rows(*(one.totals.sample for one in spaces)) if paired else None
        found["uses"] = uses_of(sides[0], sides[1], same)
    codes = [_codes(one, names) for one in spaces]
    if len(names) > 1:
        found["moved"] = most_moved(names, codes, spaces, paired, moved)
    if 1 < len(names) <= MAX_PICTURED_CLASSES:
        found["cosines"] = np.stack([one @ one.T for one in codes])
    return found


def mismatch(a: Collected, b: Collected) -> str:
    """Why the rows of the two do not match; empty where nothing speaks against it."""
    if a.rows != b.rows:
        return f"{a.rows:,} and {b.rows:,} rows"
    if a.left_out or b.left_out:
        return "rows were left out"
    if a.names != b.names:
        return "the two have different classes"
    apart = a.label_digest and b.label_digest and a.label_digest != b.label_digest
    given = "labels or groups" if a.groups or b.groups else "labels"
    return f"their {given} differ" if apart else ""


def _aligned(spaces: list[Collected]) -> tuple[Alignment, ...]:
    """How alike the two are, by the rows that both kept: all, or one sample of very many."""
    samples = [one.totals.sample for one in spaces]
    places = _same_rows(*samples)
    if not len(places[0]):
        return ()
    rows = []
    for one, space, at in zip(samples, spaces, places, strict=True):
        kept = one.rows if len(at) == len(one.rows) else one.rows[at]  # no copy without need
        rows.append(CentredRows(kept, space.totals.blocks[0].normalize))
    groups = samples[0].groups[places[0]] if spaces[0].groups else None
    return similarities(rows[0], rows[1], BLOCKS, groups)


def _same_rows(a: Sample, b: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The places in both of the rows that both kept."""
    return np.intersect1d(a.numbers, b.numbers, assume_unique=True, return_indices=True)[1:]


def _codes(space: Collected, names: tuple[str, ...]) -> np.ndarray:
    """Unit means of these classes; of fewer rows than dimensions, in the space that they span."""
    where = {name: k for k, name in enumerate(space.names)}
    with np.errstate(all="ignore"):
        codes = Evidence(joined(space.totals.blocks)).codes
    return codes[np.array([where[name] for name in names], np.int64)]


def _notes(
    found: Comparison, why_apart: str, told: str, spaces: list[Collected]
) -> tuple[str, ...]:
    """What to keep in mind, and why numbers have no value or no error, one note a reason."""
    why = f" ({why_apart})" if why_apart else ""
    notes = [f"rows are not paired{why}: errors are wider", *filter(None, [told])]
    if found.paired:
        notes = [f"rows are paired: {told or 'row i is taken for the same sample in both'}"]
    if found.a.d != found.b.d:
        both = f"{found.a.d:,} and {found.b.d:,} dimensions"
        notes.append(f"{both}: there is room for different ranks")
    for letter, side in zip("AB", spaces, strict=True):
        notes += [f"{letter}: {note}" for note in notes_of(side)]
    names: dict[str, list[str]] = {}
    for name, one in found.items():
        if one.kind == "unknown":
            names.setdefault(one.reason, []).append(name)
    for one in found.alignment:
        if one.reason:
            names.setdefault(one.reason, []).append(one.name)
    return (*notes, *(f"{', '.join(which)}: {reason}" for reason, which in names.items()))
