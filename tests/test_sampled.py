"""Error bars of the numbers that need the rows themselves."""

import numpy as np
from gramax.uncertainty.sampled import bars_of_rows


def test_errors_of_a_sample_are_not_too_small(rng):
    """Of clouds, not of isotropic rows: there the first-order variation of a mean vanishes."""
    centres = 2 * rng.standard_normal((6, 8))
    found = []
    for _ in range(100):
        z = centres[rng.integers(0, 6, 200)] + rng.standard_normal((200, 8))
        bars = bars_of_rows(z.astype(np.float32), True)
        found.append({name: (bar.value, bar.error) for name, bar in bars.items()})
    neighbours = dict.fromkeys(("two_nn", "mle_id", "hubness", "anti_hub_share"), 2.5)
    for name, most in {"uniformity": 1.3, **neighbours}.items():
        values, errors = np.array([one[name] for one in found]).T
        ratio = np.sqrt(np.mean(errors**2)) / np.std(values, ddof=1)
        assert 0.85 <= ratio <= most, (name, ratio)
