"""Rows in three classes, and what an audit of them in any form must say."""

import numpy as np

import gramax

Z = np.random.default_rng(9).normal(size=(60, 8)).astype(np.float32)
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]


def check(found, title, note=""):
    """The numbers are those of the array; the title and a note tell how it was read."""
    assert (found.title, found.c) == (title, 3)
    for name, value in gramax.audit(Z, Y).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
    assert note in "".join(found.warnings)
