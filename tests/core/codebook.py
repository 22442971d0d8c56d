"""Where the codes of these tests are, and their cosines."""

import numpy as np
from tests import field

C, D = 11, 3
THERE = np.arange(C) != 4


def cosines(x):
    x = field.unit(x[THERE])
    return (x @ x.T)[np.triu_indices(C - 1, 1)]
