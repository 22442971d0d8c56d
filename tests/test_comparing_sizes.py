"""Two draws of one space, of unequal numbers of rows: nothing has changed."""

import numpy as np
import pytest

import gramax
from gramax.decide.comparison import compare
from gramax.decide.comparison.pairing import thinned
from gramax.streaming import Request, collect, tasks

CENTRES = 0.2 * np.random.default_rng(0).standard_normal((4, 64))


@pytest.mark.parametrize("kept", [True, False])
def test_two_draws_of_unequal_size_are_the_same(kept, monkeypatch):
    """4,000 rows and 1,000: plain ranks differ by many errors, as those of few rows read low."""
    if not kept:  # as of rows too many to be kept
        for name in ("MAX_SAMPLED_ROWS", "SAMPLED_ROWS", "SAMPLE_BYTES"):
            monkeypatch.setattr(tasks, name, 400)
    rng = np.random.default_rng(7)
    y = [np.arange(n) % 4 for n in (4000, 1000)]
    a, b = (CENTRES[one] + rng.normal(size=(len(one), 64)) for one in y)
    found = compare(a, b, *y)
    assert {one.kind for one in found.values()} <= {"same", "unknown"}
    assert {one.kind for one in found.uses.values()} == {"same"}
    rank, whole = found["effective_rank"], gramax.audit(a, y[0])["effective_rank"]
    apart = whole - gramax.audit(b, y[1])["effective_rank"]
    assert apart > 5 * rank.error
    if kept:
        assert (found.a.n, found.b.n) == (1000, 1000)
        assert "A is taken at 1,000 of its 4,000 rows, as many as B has" in found.notes[1]
        assert rank.before < whole - 4 * rank.error
    else:
        assert found.a.n == 4000
        assert "4,000 and 1,000 rows: numbers are told without their bias" in found.notes
        assert abs(rank.difference) < apart / 5


def test_a_thinned_space_keeps_groups_whole():
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(100), 5)
    space = collect(Request(rng.normal(size=(500, 4)), g % 3, blocks=20, groups=g))
    some = thinned(space, 203)
    sample = some.totals.sample
    assert len(sample.rows) == 203
    assert list(np.sort(np.bincount(sample.groups, minlength=100))[-41:]) == [3] + 40 * [5]
    assert (sample.labels == sample.groups % 3).all()
    assert sum(float(part.total) for part in some.totals.blocks) == 203
