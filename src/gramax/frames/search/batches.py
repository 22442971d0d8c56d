"""The search for small codebooks: rounds of batches of annealed descents, and polishing."""

from __future__ import annotations

import jax
import numpy as np

from gramax.frames.codebooks import coherence_of_rows, unit
from gramax.frames.search import anneal, starts
from gramax.frames.search.best import Best
from gramax.frames.search.polish import MAX_FREE_VARIABLES, free_variables, polish

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

POOL_SIZE = 6  # Hops start from one of this many best configurations


def padded(c: int) -> int:
    """`c` rounded up to a size for which a program is compiled: a multiple of four, at least 8."""
    return max(8, -(-c // 4) * 4)


def batch_size(size: int, width: int) -> int:
    """Starts that take about half a second on one CPU core; on a GPU as many as fill it."""
    if jax.default_backend() != "cpu":
        return int(np.clip(2**26 // (size * size), 256, 8192))
    each = 840 * size * size * (8 + 2 * width) * 1e-9
    return int(2 ** np.floor(np.log2(np.clip(0.6 / each, 8, 256))))


class Batches:
    """The search: the best distinct configurations, and the soft values that have been polished."""

    def __init__(self, best: Best, c: int, d: int, random: np.random.Generator) -> None:
        """Begin from the codes that `best` holds already, where there are any."""
        self.best, self.c, self.d, self.random = best, c, d, random
        self.pool: list[tuple[float, np.ndarray]] = []
        self.polished: list[float] = []
        if best.x is not None:
            self.keep(best.value, best.x)

    def keep(self, value: float, x: np.ndarray) -> None:
        """Keep `x` for hops if it is among the best and differs from those that are kept."""
        if all(abs(value - other) > 1e-9 for other, _ in self.pool):
            self.pool = sorted([*self.pool, (value, x)], key=lambda item: item[0])[:POOL_SIZE]

    def start(self, how: str, codes: int, done: int) -> starts.Start:
        """A start of this kind, of `codes` rows, `done` being those made before it."""
        if how == "hop":
            return starts.hop(self.pool[self.random.integers(len(self.pool))][1], self.random)
        if how == "structured" and done < MAX_SYMMETRIC_STARTS:
            return starts.structured(codes, self.d, self.best.kind, self.random)
        return starts.fresh(codes, starts.width_of(self.d, self.best.kind), self.random)

    def run(self, how: str, count: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Anneal starts of one kind; returns their ends, `[c, k]` each, and their soft values."""
        best, random = self.best, self.random
        size, codes = padded(self.c), self.c
        if how == "closure":  # a few codes too many: the worst are dropped at the end
            size = padded(self.c + 1)
            codes = self.c + int(random.integers(1, size - self.c + 1))
        made = [self.start(how, codes, done) for done in range(count)]
        x = random.normal(size=(count, size, made[0].rows.shape[1]))
        x[:, :codes] = [begin.rows for begin in made]
        x = unit(x)
        mask = np.zeros((count, size))
        mask[:, :codes] = 1
        scale = max(best.floor if best.kind == "signed" else best.floor**2, 0.05)
        first = np.array([begin.beta for begin in made]) / scale
        ties = anneal.Ties(mask)
        if how == "structured":
            width = x.shape[-1]
            base = np.tile(np.arange(size), (count, 1))
            turn = np.tile(np.eye(width), (count, size, 1, 1))
            for row, begin in enumerate(made):
                if begin.base is not None:
                    base[row, :codes], turn[row, :codes] = begin.base, begin.turn
            ties = anneal.Ties(mask, base, turn)
        descend = anneal.adam if how == "adam" else anneal.lbfgs
        ends, soft = descend(x, ties, first, np.float64(LAST_BETA / scale), best.kind)
        ends = unit(np.asarray(ends)[:, :codes])
        return [starts.shed(end, self.c, best.kind) for end in ends], np.asarray(soft)

    def harvest(self, ends: list[np.ndarray], soft: np.ndarray, how: str) -> None:
        """Polish the few best distinct ends, and keep them for hops."""
        best, polished = self.best, 0
        values = np.array([coherence_of_rows(x, best.kind) for x in ends])
        values = np.where(np.isfinite(values), values, np.inf)
        free = free_variables(self.c, ends[0].shape[1], best.kind)
        most = int(np.clip(1.5e8 / free**3, *POLISHED_RANGE)) if free <= MAX_FREE_VARIABLES else 0
        for index in np.argsort(values)[: 3 * max(most, POLISHED_RANGE[0])]:
            if not np.isfinite(values[index]):
                break
            x, value = ends[index], float(soft[index])
            close = values[index] < min(best.value, values.min()) + POLISHED_GAP
            if close and polished < most and all(abs(value - v) > 2e-9 for v in self.polished):
                self.polished.append(value)
                if polished and best.stop():
                    break
                x = polish(x, best.kind, beat=best.value)
                polished += 1
            best.offer(x, how)
            self.keep(coherence_of_rows(x, best.kind), x)


def search(
    best: Best, c: int, d: int, random: np.random.Generator, count: int | None, construct: bool
) -> str:
    """Run batches until the budget is spent or the floor is reached; returns why it stopped."""
    batches = Batches(best, c, d, random)
    count = count or batch_size(padded(c), starts.width_of(d, best.kind))
    while (reason := best.stop()) is None or best.x is None:
        how = BATCH_CYCLE[len(best.trace) % len(BATCH_CYCLE)]
        if (how == "hop" and not batches.pool) or (how == "structured" and not construct):
            how = "random"
        batches.harvest(*batches.run(how, count), how)
        best.tick(how)
    return reason
