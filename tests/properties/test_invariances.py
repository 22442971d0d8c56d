"""What a metric declares to leave it unchanged does, and nothing else does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.spaces import CHANGES, N, clouds
from tests.properties.values import EVERY, moments, numbers, of_moments

from gramax.metrics.registry import INVARIANCES, METRICS

NAMES = {metric.name for metric in EVERY}
RAW_ONLY = {"translation", "linear"}
"""On the sphere these change the directions, which is all that is left of a row there."""

UNCHANGED = 1e-7
VISIBLE = 1e-6


def difference(one, two):
    """Of two values, relative where they are above 1; 0 where neither is defined."""
    if np.isnan(one) or np.isnan(two):
        return 0.0 if np.isnan(one) == np.isnan(two) else np.inf
    return abs(one - two) / max(abs(one), abs(two), 1)


def differences(before, after, normalize):
    one, two = (numbers(s, normalize=normalize) for s in (before, after))
    return {name: difference(one[name], two[name]) for name in one}


def test_every_invariance_has_a_change():
    assert set(CHANGES) == set(INVARIANCES)


@pytest.mark.parametrize("invariance", CHANGES)
@given(seed=st.integers(0, 2**32 - 1))
def test_declared_invariances_hold(invariance, seed):
    """Of raw rows and on the sphere; of the sphere alone where a metric is another on raw rows."""
    for change in CHANGES[invariance]:
        before = clouds(seed)
        after = change(before, np.random.default_rng(seed))
        for normalize in {False, invariance not in RAW_ONLY}:
            for name, gap in differences(before, after, normalize).items():
                declared = invariance in METRICS[name].invariant
                if declared and (normalize or not METRICS[name].raw):
                    assert gap < UNCHANGED, (name, change.__name__)


def examples():
    """Spaces in which a change that is not declared shows: two have few rows."""
    yield from (clouds(seed) for seed in range(3))
    few = clouds(3)
    yield replace(few, weight=(np.arange(N) < 4).astype(float))
    yield replace(clouds(0), weight=(np.arange(N) < 16).astype(float))


@pytest.mark.parametrize("invariance", CHANGES)
def test_what_is_not_declared_changes_the_metric(invariance):
    """So that a declaration says something, and none is missing."""
    undeclared = {name for name in NAMES if invariance not in METRICS[name].invariant}
    visible = set()
    for example in examples() if undeclared else ():
        for change in CHANGES[invariance]:
            after = change(example, np.random.default_rng(5))
            for normalize in (False, True):
                for name, gap in differences(example, after, normalize).items():
                    if gap > VISIBLE and normalize == bool(METRICS[name].raw):
                        visible.add(name)
    assert undeclared - visible == set()


@given(seed=st.integers(0, 2**32 - 1), normalize=st.booleans())
def test_rows_twice_are_rows_of_weight_two_and_moments_merged_with_themselves(seed, normalize):
    space = clouds(seed)
    once = moments(space, normalize)
    heavy = moments(replace(space, weight=2 * space.weight), normalize)
    one, *both = map(of_moments, (once, heavy, once.merge(once)))
    for two in both:
        for name in one:
            if "duplication" in METRICS[name].invariant:
                assert difference(one[name], two[name]) < UNCHANGED, name
