"""A small setting of chance, and the law of a number in any setting."""

from gramax.metrics.options import Options
from gramax.uncertainty.chance.laws import LAWS, Setting

COUNTS = (9, 4, 1, 6)
N, K = 20, 4


def setting(counts, d, normalize=True, variance=None, **options):
    counts = tuple(map(float, counts))
    return Setting(counts, d, normalize, variance or 1 / d, Options(**options))


def law(name, *args, **how):
    found = LAWS[name](setting(*args, **how))
    return None if found is None else (found.mean, found.sd)
