"""The search for small codebooks: rounds of batches of annealed descents, and polishing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from gramax.frames.codebooks import Kind, coherence_of_rows
from gramax.frames.search import anneal, starts, symmetry
from gramax.frames.search.polish import MAX_FREE_VARIABLES, free_variables, polish

if TYPE_CHECKING:
    from gramax.frames.search.progress import Best

LAST_BETA = 1.3e5
"""Beta at the end of an annealing, before it is divided by the square of the floor."""

POLISHED_GAP = 1.2e-4
"""Candidates this close to the best are polished. Annealing ends within 1e-5 of an optimum, and
within 1e-4 of a flat one."""

POLISHED_RANGE = (4, 16)
"""Of a batch at least and at most so many candidates are polished; fewer where steps cost more."""

BATCH_CYCLE = (
    *("random", "hop", "structured", "hop", "random", "structured"),
    *("hop", "random", "closure", "hop", "structured", "adam"),
)
"""The kinds of batches, which take turns: none of them finds the best basin for every (c, d)."""

MAX_SYMMETRIC_STARTS = 256
"""A batch has at most so many symmetric starts, which are made on the host one by one."""

POOL_SIZE = 6
"""Hops start from one of this many best configurations."""


def padded(c: int) -> int:
    """`c` rounded up to a size for which a program is compiled: a multiple of four, at least 8."""
    return max(8, -(-c // 4) * 4)


def batch_size(size: int, width: int) -> int:
    """Starts that take about half a second on one CPU core; on a GPU as many as fill it."""
    if jax.default_backend() != "cpu":
        return int(np.clip(2**26 // (size * size), 256, 8192))
    each = 840 * size * size * (8 + 2 * width) * 1e-9
    return int(2 ** np.floor(np.log2(np.clip(0.6 / each, 8, 256))))


class _Pool:
    """The best distinct configurations, and the soft values that have been polished."""

    def __init__(self) -> None:
        self.items: list[tuple[float, np.ndarray]] = []
        self.polished: list[float] = []

    def add(self, value: float, x: np.ndarray) -> None:
        """Keep `x` if it is among the best and differs from those that are kept."""
        if all(abs(value - other) > 1e-9 for other, _ in self.items):
            self.items = sorted([*self.items, (value, x)], key=lambda item: item[0])[:POOL_SIZE]

    def is_new(self, soft: float) -> bool:
        """Whether no candidate with this soft value has been polished; notes it."""
        fresh = all(abs(soft - other) > 2e-9 for other in self.polished)
        if fresh:
            self.polished.append(soft)
        return fresh


def search(
    best: Best,
    c: int,
    d: int,
    random: np.random.Generator,
    count: int | None,
    construct: bool,
) -> str:
    """Run batches until the budget is spent or the floor is reached; returns why it stopped."""
    width = 2 * d if best.kind == "complex" else d
    count = count or batch_size(padded(c), width)
    pool = _Pool()
    if best.x is not None:
        pool.add(best.value, best.x)
    while (reason := best.stop()) is None or best.x is None:
        how = BATCH_CYCLE[best.done % len(BATCH_CYCLE)]
        if (how == "hop" and not pool.items) or (how == "structured" and not construct):
            how = "random"
        ends, soft = _batch(how, best, c, d, count, pool, random)
        _harvest(ends, soft, best, pool, how)
        best.tick(how)
    return reason


def _made(
    how: str, codes: int, d: int, kind: Kind, count: int, pool: _Pool, random: np.random.Generator
) -> list[starts.Start]:
    """Make `count` starts of one kind, of `codes` rows each."""
    width = 2 * d if kind == "complex" else d
    made = []
    for done in range(count):
        if how == "hop":
            base = pool.items[random.integers(len(pool.items))][1]
            made.append(starts.hop(base, random))
        elif how == "structured" and done < MAX_SYMMETRIC_STARTS:
            made.append(starts.structured(codes, d, kind, random))
        else:
            made.append(starts.fresh(codes, width, random))
    return made


def _batch(
    how: str, best: Best, c: int, d: int, count: int, pool: _Pool, random: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Anneal starts of one kind; returns their ends, `[c, k]` each, and their soft values."""
    size, codes = padded(c), c
    if how == "closure":  # a few codes too many: the worst are dropped at the end
        size, codes = padded(c + 1), c + int(random.integers(1, padded(c + 1) - c + 1))
    made = _made(how, codes, d, best.kind, count, pool, random)
    x = random.normal(size=(count, size, made[0][0].shape[1]))
    for row, begin in zip(x, made, strict=True):
        row[:codes] = begin.rows
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    mask = np.zeros((count, size))
    mask[:, :codes] = 1
    scale = max(best.floor if best.kind == "signed" else best.floor**2, 0.05)
    first = np.array([begin.beta for begin in made]) / scale
    ties = anneal.Ties(mask)
    if how == "structured":
        tied = [symmetry.free(row) for row in x]
        for t, begin in zip(tied, made, strict=True):
            if begin.ties is not None:
                t.base[:codes], t.turn[:codes] = begin.ties.base, begin.ties.turn
        ties = anneal.Ties(mask, np.stack([t.base for t in tied]), np.stack([t.turn for t in tied]))
    descend = anneal.adam if how == "adam" else anneal.lbfgs
    ends, soft = descend(x, ties, first, np.float64(LAST_BETA / scale), best.kind)
    ends, soft = np.asarray(ends)[:, :codes], np.asarray(soft)
    ends = ends / np.linalg.norm(ends, axis=-1, keepdims=True)
    if codes == c:
        return list(ends), soft
    return [starts.shed(end, c, best.kind) for end in ends], soft


def _harvest(ends: list[np.ndarray], soft: np.ndarray, best: Best, pool: _Pool, how: str) -> None:
    """Polish the few best distinct ends, and keep them for hops."""
    values = np.array([coherence_of_rows(x, best.kind) for x in ends])
    values = np.where(np.isfinite(values), values, np.inf)
    free = free_variables(len(ends[0]), ends[0].shape[1], best.kind)
    most = int(np.clip(1.5e8 / free**3, *POLISHED_RANGE))
    polished = 0
    for index in np.argsort(values)[: 3 * most]:
        x = ends[index]
        if not np.isfinite(values[index]):
            break
        close = values[index] < min(best.value, values.min()) + POLISHED_GAP
        if (
            free <= MAX_FREE_VARIABLES
            and close
            and polished < most
            and pool.is_new(float(soft[index]))
        ):
            if polished and best.stop():
                break
            x = polish(x, best.kind, beat=best.value)
            polished += 1
        best.offer(x, how)
        pool.add(coherence_of_rows(x, best.kind), x)
