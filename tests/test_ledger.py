"""The first sentence of an audit, held to what the spaces of the ledger are worth."""

import csv

import numpy as np
from benchmarks.ledger import TABLE, held_apart, word

ASKED = ("probe", "nearest_neighbour", "nearest_mean")


def test_words_agree_with_outcomes_that_were_measured_apart():
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    told, best = (
        np.array([max(float(row.get(f"{kind}_{name}") or 0) for name in ASKED) for row in rows])
        for kind in ("told", "outcome")
    )
    base = np.array([float(row["largest"]) for row in rows])
    said, true = (word((share - base) / (1 - base)) for share in (told, best))
    low, high = np.quantile(best, [0.25, 0.75])
    assert len(rows) >= 150
    assert not np.any(said[best > high] == "poor")
    assert not np.any(said[best <= low] == "good")
    apart = np.array([held_apart(row["family"], row["name"]) for row in rows])
    assert 0.2 < apart.mean() < 0.5
    assert np.mean((said == true)[apart]) >= 0.9
