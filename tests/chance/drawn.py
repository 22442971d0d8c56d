"""Settings of chance, laws in them, and rows drawn as they say."""

import math

import numpy as np

from gramax.metrics.options import Options
from gramax.uncertainty.chance.laws import LAWS, Setting

SEED = 7
UNEQUAL = (40, 0, 25, 1, 3, 60, 31)
"""Class sizes with an absent class and one of a single row."""


def setting_of(counts, d, normalize=True, variance=None, **options):
    counts = tuple(float(c) for c in counts if c)
    return Setting(counts, d, normalize, variance or 1 / d, Options(**options))


def law_of(name, *args, **how):
    found = LAWS[name](setting_of(*args, **how)) if name in LAWS else None
    return None if found is None else (found.mean, found.sd)


def rows(rng, n, d, normalize):
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) if normalize else x / math.sqrt(d)
