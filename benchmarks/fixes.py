"""Whether the advice of `gramax fix` holds on rows that took no part in it.

Each space of the ledger is cut in halves at random, several times. `fix` sees the first half alone,
and what it recommends for a use is applied to the second, whose rows are classified by the first,
before and after. Without labels it is asked too, and the labels only judge.

Run: `python -m benchmarks.fixes [SPACES]` writes a line for each space and cut, and what comes of
them all at the end; it takes an hour.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import islice

import numpy as np

from gramax.decide.fix import fix
from gramax.decide.held_out import STRENGTHS, USES, nearest_labels
from gramax.moments import ClassMoments
from gramax.uncertainty.probes import heads_of, judged

CUTS = 3


def accuracies(a: np.ndarray, ya: np.ndarray, b: np.ndarray, yb: np.ndarray) -> dict[str, float]:
    """How often rows of b get their class from those of a, by use; both are on the sphere."""
    c = int(max(ya.max(), yb.max())) + 1
    first = np.arange(len(a)) % 5 > 0  # the regularisation is chosen by a fifth of a
    some = list(heads_of(ClassMoments.of(a[first], ya[first], c), STRENGTHS))
    best = int(np.argmax(judged(some[1:], a, ya, np.flatnonzero(~first)).mean(axis=1)))
    heads = list(heads_of(ClassMoments.of(a, ya, c), STRENGTHS))
    right = judged([heads[0], heads[1 + best]], b, yb, np.arange(len(b))).mean(axis=1)
    near = nearest_labels(b.astype(np.float32), a.astype(np.float32), ya)
    return dict(zip(USES, (float(np.mean(near == yb)), *map(float, right)), strict=True))


def outcomes(z: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[str, str, float]]:
    """For each use, and without labels: what is recommended, and what it gains in points."""
    z = np.asarray(z, np.float64)
    there = np.any(z != 0, axis=1)
    z, y = z[there], np.unique(y[there], return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(len(z))
    a, b = order[: len(z) // 2], order[len(z) // 2 :]
    told, blind = fix(z[a], y[a]), fix(z[a])
    asked = [(use, told, key, use) for use, key in told.choices.items()]
    for name, advice, key, use in [*asked, ("without labels", blind, blind.recommended, USES[0])]:
        before, after = (
            accuracies(to(z[a]), y[a], to(z[b]), y[b])[use] if key else 0.0
            for to in (advice.remedy("as_it_is"), advice.remedy(key or "as_it_is"))
        )
        yield name, key or "leave", 100 * (after - before)


def main() -> None:
    """All spaces of the ledger, or the first so many."""
    from benchmarks.ledger_spaces import spaces

    most = int(sys.argv[1]) if len(sys.argv) > 1 else None
    out, cuts, gains = csv.writer(sys.stdout), 0, {}
    for space in islice(spaces(), most):
        for seed in range(CUTS):
            cuts += 1
            for name, key, gain in outcomes(space.z, space.y, seed):
                out.writerow([space.family, space.name, seed, name, key, f"{gain:.2f}"])
                gains.setdefault(name, []).extend([gain] if key != "leave" else [])
    for name, known in gains.items():
        line = f", mean {np.mean(known):+.1f} points, least {min(known):+.1f}" if known else ""
        print(f"{name}: recommended in {len(known)} of {cuts} cuts{line}")


if __name__ == "__main__":
    main()
