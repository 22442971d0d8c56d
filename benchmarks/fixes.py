"""Whether the advice of `gramax fix` holds on rows that took no part in it.

Each space of the ledger is cut in halves at random, several times. `fix` sees the first half alone,
and what it recommends is applied to the second, whose rows are classified by the first: by nearest
neighbour, nearest mean and linear probe, before and after. Without labels it is asked too, and the
labels only judge. `regret` is what the worst of the asked uses loses, in points.

Run: `python -m benchmarks.fixes [SPACES]` writes one line a space and cut; it takes an hour.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import numpy as np

from gramax.decide.fix import Fix, fix
from gramax.decide.held_out import STRENGTHS, USES, nearest_labels
from gramax.moments import ClassMoments
from gramax.uncertainty.probes import heads_of, judged

CUTS = 3


def accuracies(a: np.ndarray, ya: np.ndarray, b: np.ndarray, yb: np.ndarray) -> dict[str, float]:
    """How often rows of b get their class from those of a, by use; both are on the sphere."""
    c = int(max(ya.max(), yb.max())) + 1
    first = np.arange(len(a)) % 5 > 0  # the regularisation is chosen by a fifth of a
    some = list(heads_of(ClassMoments.of(a[first], ya[first], c), STRENGTHS))
    best = int(np.argmax(judged(some[1:], a[~first], ya[~first]).mean(axis=1)))
    heads = list(heads_of(ClassMoments.of(a, ya, c), STRENGTHS))
    right = judged([heads[0], heads[1 + best]], b, yb).mean(axis=1)
    near = nearest_labels(b.astype(np.float32), a.astype(np.float32), ya)
    return dict(zip(USES, (float(np.mean(near == yb)), *map(float, right)), strict=True))


def gains(
    advice: Fix, key: str, z: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray
) -> dict:
    """What a remedy changes on the rows b, by use, in points."""
    found = []
    for one in ("as_it_is", key):
        to = advice.remedy(one)
        found.append(accuracies(to(z[a]), y[a], to(z[b]), y[b]))
    return {use: 100 * (found[1][use] - found[0][use]) for use in USES}


def outcomes(z: np.ndarray, y: np.ndarray, seed: int) -> Iterator[dict]:
    """What is recommended of one half, for each use and without labels, and what it does."""
    z = np.asarray(z, np.float64)
    there = np.any(z != 0, axis=1)
    z, y = z[there], np.unique(y[there], return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(len(z))
    a, b = order[: len(z) // 2], order[len(z) // 2 :]
    for use in ("all", *USES, "without labels"):
        advice = fix(z[a]) if use == "without labels" else fix(z[a], y[a], use=use)
        key = advice.recommended
        found = gains(advice, key, z, y, a, b) if key else dict.fromkeys(USES, 0.0)
        asked = [use] if use in USES else USES
        regret = max(0.0, -min(found[one] for one in asked))
        yield {"use": use, "recommended": key or "leave", **found, "regret": regret}


def main() -> None:
    """All spaces of the ledger, or the first so many."""
    from benchmarks.ledger_spaces import spaces

    most = int(sys.argv[1]) if len(sys.argv) > 1 else None
    out = csv.writer(sys.stdout)
    for number, space in enumerate(spaces()):
        if number == most:
            return
        for seed in range(CUTS):
            for row in outcomes(space.z, space.y, seed):
                out.writerow([space.family, space.name, seed, *row.values()])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
