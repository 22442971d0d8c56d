"""How much of a number may hang on axes along which Σ_W is rounding."""

import numpy as np
import pytest

from gramax.metrics import vci

pytestmark = pytest.mark.slow  # a minute of compilation; `make mutants` runs it without jit

CONTRASTS = np.array(
    [[1, -1, 0, 0, 0], [1, 1, -2, 0, 0], [1, 1, 1, -3, 0], [1, 1, 1, 1, -4]], float
)
"""Four orthogonal ways in which five class means differ, one along each axis."""


@pytest.mark.parametrize(("ratio", "trusted"), [(5.7, True), (1.0, False)])
def test_a_tenth_of_vci_may_hang_on_rounding(rng, ratio, trusted):
    """Three axes without separation, share 1 each, and one along which Σ_W is 0.

    There Σ_B is `ratio` times the rounding of Σ_W, 8 units of its largest eigenvalue, so that a
    share of 1/(1 + ratio) is left: less than a tenth of the sum, or more.
    """
    half = rng.normal(size=(8, 4)) * [1, 1, 1, 0]
    rows = np.concatenate([half, -half])
    floor = 8 * np.finfo(float).eps * np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1]
    apart = np.sqrt(ratio * floor / np.mean(CONTRASTS[3] ** 2))
    means = CONTRASTS.T * [1e-3, 1e-3, 1e-3, apart]
    found = vci((means[:, None] + rows).reshape(-1, 4), np.repeat(np.arange(5), 16), 5)
    if trusted:
        assert found == pytest.approx((3 + 1 / (1 + ratio)) / 4, rel=0.01)
    else:
        assert np.isnan(found)
