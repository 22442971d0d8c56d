"""Two codebooks side by side: their numbers, and which code of one is which code of the other.

Codes are matched one to one, so that the sum of the |cosines| of all matched pairs is as large
as it can be. Only near pairs count, among the few codes of the other codebook that each code is
closest to: they fall into small groups, and each group is a small assignment problem.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gramax._optional import need
from gramax._shapes import Float, Int
from gramax.arrays.codebook import Codebook, groups_of, sweep_across
from gramax.audits.codebook import evidence_of, judged, report_of
from gramax.decide.comparison.changes import turn
from gramax.decide.comparison.conclusion import concluded
from gramax.decide.comparison.results import Change, Comparison, Kind, Matching, Side, side_of
from gramax.errors import InputError
from gramax.metrics.dictionary import NEIGHBOURS_KEPT, CodeEvidence
from gramax.metrics.options import Options
from gramax.streaming import Collected, Progress, Request
from gramax.streaming.codebooks import collect_codes
from gramax.uncertainty.chance.codes import near_pairs_at_random

KEPT = 0.7
"""The |cosine| from which on a code may be another one (Paulo & Belrose 2025)."""

MAX_GROUP = 4000
"""Codes of a group that is matched in the best way: 4,000² costs; in a larger one pairs are taken
in the order of their |cosines|."""

NO_ERROR = "a codebook is no sample: its numbers have no error"
PAIRS_AT_ONCE = 1 << 25
"""Numbers of the codes whose cosines are taken in full precision at once."""


def compare_codes(
    requests: list[Request], options: Options, progress: Progress | None = None
) -> Comparison:
    """The comparison of two codebooks, as `gramax.compare` describes it."""
    need("scipy.optimize", "matching codes", extra="io")  # before the work
    tell = progress or (lambda *_: None)
    sides: list[Side] = []
    spaces: list[tuple[Collected, CodeEvidence]] = []
    for request in requests:
        collected, book = collect_codes(request, progress)
        if spaces:
            _check_alike(spaces[0][1].whole, book)
        e = evidence_of(collected, book, tell, centred=request.normalize)
        sides.append(
            side_of(judged(report_of(e, collected, options, 1, False)), collected.left_out)
        )
        spaces.append((collected, e))
    a, b = sides
    told = lambda share: tell("matching", round(1000 * share), 1000, 0)  # noqa: E731
    (first, one), (second, other) = spaces
    match = matching(one, other, first.names, second.names, told)
    numbers = {name: (a.numbers[name], b.numbers[name]) for name in a.numbers}
    changes = {name: _change(name, *x) for name, x in numbers.items() if np.isfinite(x).any()}
    return concluded(a, b, False, changes, matching=match)


def _check_alike(a: Codebook, b: Codebook) -> None:
    if a.dim == b.dim and a.complex == b.complex:
        return
    kinds = (f"{x.dim:,} {'complex ' * x.complex}numbers" for x in (a, b))
    raise InputError(
        f"codes of {' and of '.join(kinds)} have no cosine with each other, so that none can be "
        "matched; for their numbers, audit each with --json and compare the two reports"
    )


def _change(name: str, before: float, after: float) -> Change:
    """A codebook is not drawn from anything: what differs beyond rounding did change."""
    kind: Kind = turn(name, after - before) if np.isfinite([before, after]).all() else "unknown"
    close = np.isclose(before, after, rtol=1e-6, atol=1e-12)
    return Change(before, after, None, NO_ERROR, "same" if close else kind)


def matching(
    a: CodeEvidence,
    b: CodeEvidence,
    names_a: tuple[str, ...],
    names_b: tuple[str, ...],
    progress: Any = None,
) -> Matching:
    """The codes of `a` and `b` matched one to one, by near pairs."""
    alive = a.sums.alive, b.sums.alive
    near, sizes = sweep_across(a.whole, b.whole, alive, NEIGHBOURS_KEPT, progress)
    pairs, values = _near_pairs(near, sizes, len(alive[0]))
    chosen, greedy = assigned(pairs, values, len(alive[0]))
    pairs = pairs[chosen]
    cosines = _cosines(a.whole, b.whole, pairs)
    order = np.lexsort((pairs[:, 0], -np.abs(cosines)))
    pairs, cosines = pairs[order], cosines[order]
    lost, new = alive[0].copy(), alive[1].copy()
    lost[pairs[:, 0]] = False
    new[pairs[:, 1]] = False
    share = near_pairs_at_random(2, a.dim, KEPT, a.book.complex)
    return Matching(
        threshold=KEPT,
        pairs=tuple(
            (names_a[i], names_b[j], round(float(cosine), 6))
            for (i, j), cosine in zip(pairs.tolist(), cosines.tolist(), strict=True)
        ),
        opposite=int(np.count_nonzero(cosines < 0)),
        share_a=len(pairs) / a.count,
        share_b=len(pairs) / b.count,
        expected=share * a.count * b.count,
        nearest_a=float(sizes[: len(alive[0]), 0][alive[0]].mean()),
        nearest_b=float(sizes[len(alive[0]) :, 0][alive[1]].mean()),
        lost=tuple(names_a[k] for k in np.flatnonzero(lost)),
        new=tuple(names_b[k] for k in np.flatnonzero(new)),
        greedy=greedy,
    )


def _near_pairs(
    near: Int[np.ndarray, "c k"], sizes: Float[np.ndarray, "c k"], a: int
) -> tuple[Int[np.ndarray, "m 2"], Float[np.ndarray, " m"]]:
    """Every pair of a code and one of the other codebook near it, once, with its |cosine|."""
    rows, place = np.nonzero((near >= 0) & (sizes >= KEPT))
    others, values = near[rows, place], sizes[rows, place]
    first = rows < a
    left, right = np.where(first, rows, others), np.where(first, others, rows - a)
    _, at = np.unique(left * (len(near) - a) + right, return_index=True)
    return np.stack([left[at], right[at]], axis=1), values[at].astype(np.float64)


def _cosines(a: Codebook, b: Codebook, pairs: Int[np.ndarray, "m 2"]) -> Float[np.ndarray, " m"]:
    """Cosines of matched pairs in full precision; sizes of complex ones."""
    found = [np.zeros(0)]
    step = max(1, PAIRS_AT_ONCE // a.dim)
    for part in (pairs[start : start + step] for start in range(0, len(pairs), step)):
        products = np.einsum("kd,kd->k", a.take(part[:, 0]), b.take(part[:, 1]).conj())
        found.append(np.abs(products) if a.complex else np.clip(products, -1, 1))
    return np.concatenate(found)


def assigned(
    pairs: Int[np.ndarray, "m 2"], values: Float[np.ndarray, " m"], a: int
) -> tuple[Int[np.ndarray, " k"], int]:
    """Places of the pairs that match codes one to one with the largest sum of values, above 0.

    No pair is there twice, and codes of the first codebook are numbered below `a`. Beside, how many
    of these are in groups too large to be matched in the best way.

    Example:
        >>> pairs = np.array([[0, 0], [0, 1], [1, 0]])
        >>> assigned(pairs, np.array([0.9, 0.8, 0.8]), 2)[0].tolist()  # 0.8 + 0.8 > 0.9
        [1, 2]
    """
    solve = need("scipy.optimize", "matching codes", extra="io").linear_sum_assignment
    chosen, greedy = [], 0
    group = np.zeros(int(pairs.max(initial=0)) + a + 1, np.int64)
    for k, members in enumerate(groups_of((pairs[:, 0], pairs[:, 1] + a))):
        group[members] = k
    order = np.argsort(group[pairs[:, 0]], kind="stable")
    cuts = np.flatnonzero(np.diff(group[pairs[order, 0]])) + 1
    for part in np.split(order, cuts) if len(pairs) else []:
        if len(part) == 1:
            chosen.append(part)
            continue
        left, i = np.unique(pairs[part, 0], return_inverse=True)
        right, j = np.unique(pairs[part, 1], return_inverse=True)
        if max(len(left), len(right)) > MAX_GROUP:
            greedy += len(left)
            chosen.append(part[_greedily(i, j, values[part])])
            continue
        costs, place = np.zeros((len(left), len(right))), np.full((len(left), len(right)), -1)
        costs[i, j], place[i, j] = -values[part], part
        rows, columns = solve(costs)
        found = place[rows, columns]
        chosen.append(found[found >= 0])
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64), greedy


def _greedily(i: np.ndarray, j: np.ndarray, values: np.ndarray) -> list[int]:
    rows, columns, found = set(), set(), []
    for k in np.argsort(-values, kind="stable").tolist():
        if i[k] not in rows and j[k] not in columns:
            rows.add(i[k])
            columns.add(j[k])
            found.append(k)
    return found
