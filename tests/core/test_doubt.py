"""How much of a number may hang on axes along which Σ_W is rounding."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from gramax.metrics import powerlaw, vci
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS
from gramax.moments.class_moments import ClassMoments

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


@pytest.mark.parametrize(("gap", "trusted"), [(0.009, True), (0.011, False), (0.5, False)])
def test_a_hundredth_of_the_decay_may_hang_on_rounding(gap, trusted):
    """Singular values k^-1/2 have the exponent 1; raised to a power, that power."""
    values = jnp.arange(8.0, 0, -1) ** -0.5
    hidden = SimpleNamespace(spread_spectrum=(values, values ** (1 + gap), 1))
    assert bool(CONDITIONS["hidden_decay"].holds(hidden)) is not trusted


def test_the_first_rank_counts_for_the_decay():
    values = jnp.arange(8.0, 0, -1) ** -0.5
    hidden = SimpleNamespace(spread_spectrum=(values, values.at[-1].set(2), 1))
    assert CONDITIONS["hidden_decay"].holds(hidden)
    assert not powerlaw._hangs(hidden, first=2)


EVEN = [1, 1, 1, 1]
THIN = [1, 1e-5, 1e-5, 1e-5]
"""Deviations in the classes: along three axes Σ_W is below its rounding in float32."""


@pytest.mark.parametrize(
    ("rows", "deviations", "apart", "trusted"),
    [
        (60, THIN, [0.3, 1e-3, 1e-3, 1e-3], False),  # all but a tenth of the separation is there
        (60, THIN, [1, 0, 0, 0], True),  # no separation there
        (60, THIN, [1, 3e-4, 3e-4, 3e-4], True),  # some, but the ridge is most of Σ_W there
        (60, EVEN, EVEN, True),  # no such axes
        # Seven rows of five classes differ along two axes: there Σ_W is 0, and known to be.
        (7, EVEN, EVEN, True),
        (8, [1, 0.1, 0.1, 0.1], EVEN, True),
    ],
)
def test_a_hundredth_of_lidar_may_hang_on_rounding(rng, rows, deviations, apart, trusted):
    y = np.arange(rows) % 5
    z = CONTRASTS.T[y] * apart + rng.normal(size=(rows, 4)) * deviations
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    for scale in (1, 1e-3):
        moments = ClassMoments.of((scale * z @ turn).astype(np.float32), y, 5, normalize=False)
        assert np.isfinite(METRICS["lidar"].value(Evidence(moments))) == trusted
