"""Degenerate input: no value and a reason, never a flattering number."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gramax
from gramax.metrics import (
    alignment,
    collapse_ratio,
    frame_potential,
    isoscore,
    participation_ratio,
    rankme,
    scatter_ratio,
    simplex_error,
    smooth_coherence_loss,
    uniformity,
)
from gramax.metrics.registry import METRICS
from tests.libraries.libraries import NO_TORCH
from tests.numbers import C, D, N, clouds, numbers, reason

Y = np.arange(N, dtype=np.int32) % C
NC1 = ("nc1_pinv", "nc1_svd", "nc1_quotient")
NC2 = ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance")


def undefined(found, names):
    return {name for name in names if math.isnan(found[name])}


def coinciding(rng):
    """Classes of the same rows, whose sums are rounded in another order each."""
    half = rng.normal(size=(N // 10, D))
    rows = [rng.permutation(np.concatenate([half, -half])) for _ in range(C)]
    return np.stack(rows, axis=1).reshape(N, D) + 5, Y


def one_class(rng):
    return rng.normal(size=(N, D)), 0 * Y


def one_row_a_class(rng):
    return rng.normal(size=(N, D)), np.where(np.arange(N) < C, np.arange(N), -1)


@pytest.mark.parametrize(
    ("make", "nothing", "something"),
    [
        (coinciding, (*NC1, *NC2, "cdnv", "lidar"), ("vci",)),
        (one_class, (*NC1, *NC2, "cdnv", "vci", "lidar", "class_babel"), ()),
        (one_row_a_class, (*NC1, "cdnv", "vci", "lidar"), NC2),
    ],
)
def test_what_has_no_score(rng, make, nothing, something):
    found = numbers(*make(rng))
    assert undefined(found, (*nothing, *something)) == set(nothing)
    if make is coinciding:
        assert math.isclose(found["vci"], 1, abs_tol=1e-4)  # the worst


def test_total_collapse_to_a_point_has_no_score():
    found = numbers(np.full((N, D), 3.0), Y)
    every = (*NC1, *NC2, "cdnv", "vci", "lidar", "participation_ratio", "isoscore", "nesum")
    assert undefined(found, (*every, "alpha_req")) == {*every, "alpha_req"}
    right = {"stable_rank": 1, "class_babel": C - 1, "class_average_coherence": 1}
    assert {name: found[name] for name in right} == pytest.approx(right, rel=1e-5)
    assert math.isclose(found["rankme"], 1, rel_tol=1e-3)


BETWEEN = (*NC1, *NC2, "cdnv", "class_simplex_error_centred", "class_largest_cosine")


def shuffled(rng, count):
    """Three classes of the same rows, each in another order: so are their sums rounded."""
    rows = rng.normal(size=(count, D)) + 5
    z = np.concatenate([rng.permutation(rows) for _ in range(3)]).astype(np.float32)
    return z, np.repeat(np.arange(3), count)


def test_many_rows_in_another_order_have_the_same_mean(rng):
    assert undefined(numbers(*shuffled(rng, 50_000), 3), BETWEEN) == set(BETWEEN)


def test_audits_take_no_rounding_for_a_distance_of_means(rng):
    """They go on in float64 with what was summed in float32."""
    found = gramax.audit(*shuffled(rng, 40), raw=True)
    assert undefined(found, BETWEEN) == set(BETWEEN)
    assert "coincide" in found.numbers["gnc2_log_mean"].reason


def test_points_for_classes_are_perfect_and_have_no_lidar(rng):
    found = numbers(rng.normal(size=(C, D))[Y], Y)
    for name in (*NC1, "cdnv"):
        assert found[name] == 0, name
    assert abs(found["vci"]) < 1e-5
    assert math.isnan(found["lidar"])


def test_a_simplex_scores_as_its_closed_form():
    corners = np.pad(np.eye(C) - 1 / C, ((0, 0), (0, D - C))).astype(np.float32)
    found = numbers(corners[Y] * 3 + 2, Y)
    for name in ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_variance"):
        assert abs(found[name]) < 1e-5, name
    assert math.isclose(found["gnc2_log_mean"], -math.log(2 * C / (C - 1)) / 2, rel_tol=1e-5)
    for name in ("participation_ratio", "nesum"):
        assert math.isclose(found[name], C - 1, rel_tol=1e-5), name
    assert abs(found["alpha_req"]) < 1e-4


def test_rankme_of_a_flat_spectrum_reads_above_d():
    """It adds 1e-7 to p and does not normalise."""
    p = 1 / 256 + 1e-7
    found = float(rankme(3 * np.eye(256)))
    assert math.isclose(found, math.exp(-256 * p * math.log(p)), rel_tol=1e-12)
    assert found > 256.02


def line(rng):
    """Class means on a line, with scatter in all dimensions."""
    noise = rng.normal(size=(N // C // 2, D))
    z = np.repeat(np.concatenate([noise, -noise]), C, axis=0)
    z[:, 0] += Y
    return z


def test_means_on_a_line_leave_the_svd_form_undefined(rng):
    """Five means on a line span one dimension of four: the published code divides by rounding."""
    z = line(rng)
    found = numbers(z, Y)
    assert math.isnan(found["nc1_svd"])
    expected = np.mean((z[:, 0] - Y) ** 2) / 2 / C  # Σ_W along the line over the variance of 0..4
    assert math.isclose(found["nc1_pinv"], expected, rel_tol=1e-5)
    assert math.isnan(found["nc2_equiangular"])  # the middle class lies at the centre
    assert not math.isnan(found["nc2_equinorm"])


def test_every_reason_is_in_words(rng):
    z, _ = clouds(rng)
    merged = z.copy()
    merged[Y == 3] = merged[Y == 1]
    assert "span 1 dimensions, not 4" in reason("nc1_svd", line(rng), Y)
    assert reason("cdnv", merged, Y) == "classes 1 and 3 have the same mean"
    assert "same direction" in reason("gnc2_log_mean", merged, Y)
    assert "class 2" in reason("nc2_equiangular", line(rng), Y)
    assert "on the sphere" in reason("mean_cosine", z, Y)
    assert "moments do not hold" in METRICS["uniformity"].reason(None)
    assert "pairs of rows" in METRICS["alignment"].reason(None)


def test_rows_on_a_line_and_rows_of_length_one():
    found = numbers(np.arange(N)[:, None] * np.ones(D), Y)
    assert math.isclose(found["participation_ratio"], 1, rel_tol=1e-5)
    assert math.isclose(found["isoscore"], 0, abs_tol=1e-5)
    assert math.isnan(found["alpha_req"])
    assert math.isnan(isoscore(np.arange(N, dtype=np.float32)[:, None]))


CORNERS = jnp.array([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])
LABELS = jnp.array([0, 0, 1, 1, 2, 2])
REGULARISERS = {
    "collapse_ratio": lambda z, y, _: collapse_ratio(z, y, 3),
    "scatter_ratio": lambda z, y, _: scatter_ratio(z, y, 3),
    "simplex_error": lambda z, *_: simplex_error(z),
    "smooth_coherence_loss": lambda z, *_: smooth_coherence_loss(z),
    "frame_potential": lambda z, *_: frame_potential(z),
    "uniformity": lambda z, *_: uniformity(z),
    "participation_ratio": lambda z, *_: participation_ratio(z),
    "alignment": lambda z, _, backwards: alignment(z, z[backwards], alpha=1.0),
}
"""Of rows, their labels, and their numbers from the last to the first."""
POINTS = {
    "simplex": CORNERS[LABELS],
    "collapse": jnp.ones((6, 2)),
    "zero": jnp.zeros((6, 2)),
    "anywhere": jax.random.normal(jax.random.key(3), (6, 2)),
}


@pytest.mark.parametrize("name", REGULARISERS)
def test_gradients_are_finite_at_degenerate_points_and_those_of_torch(name):
    of_jax, more = jax.jit(jax.grad(REGULARISERS[name])), (LABELS, jnp.arange(5, -1, -1))
    for point, z in POINTS.items():
        slope = of_jax(z, *more)
        assert np.isfinite(slope).all(), (name, point)
        if not NO_TORCH:
            import torch

            x = torch.tensor(np.array(z), requires_grad=True)
            given = (torch.from_numpy(np.array(one)) for one in more)
            (found,) = torch.autograd.grad(REGULARISERS[name](x, *given), x)
            np.testing.assert_allclose(found, slope, rtol=1e-4, atol=1e-5, err_msg=point)


def test_the_gradient_of_uniformity_is_that_of_finite_differences():
    step, z = 1e-5, np.asarray(POINTS["anywhere"], np.float64)
    along = np.random.default_rng(0).normal(size=z.shape)
    rise = float((uniformity(z + step * along) - uniformity(z - step * along)) / (2 * step))
    with jax.enable_x64(True):
        slope = float(np.sum(np.asarray(jax.jit(jax.grad(uniformity))(z)) * along))
    assert math.isclose(slope, rise, rel_tol=1e-6, abs_tol=1e-9)
