"""Every metric with a better direction worsens as the fault that its question asks for grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.defects import FAULTS, fault_of, planted
from tests.properties.values import EVERY, numbers

SIZES = (0.0, 0.5, 1.0)
WORSE = {"lower": 1, "higher": -1}


@pytest.mark.parametrize("fault", sorted(FAULTS, key=lambda f: f.__name__))
@pytest.mark.parametrize("normalize", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_growing_fault_worsens_every_metric_that_looks_for_it(fault, normalize, seed):
    found = [numbers(planted(fault, seed, size), normalize=normalize, x64=True) for size in SIZES]
    for metric in EVERY:
        if fault_of(metric) is fault and metric.name in found[0] and metric.direction in WORSE:
            steps = WORSE[metric.direction] * np.diff([one[metric.name] for one in found])
            assert np.all(steps > 0), (metric.name, [one[metric.name] for one in found])
