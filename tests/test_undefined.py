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


def test_total_collapse_to_a_point_has_no_score():
    found = numbers(np.full((N, D), 3.0), Y)
    every = (*NC1, *NC2, "cdnv", "vci", "lidar", "participation_ratio", "isoscore", "nesum")
    assert undefined(found, every) == set(every)
    assert math.isnan(found["alpha_req"])
    assert math.isclose(found["stable_rank"], 1, rel_tol=1e-5)
    assert math.isclose(found["rankme"], 1, rel_tol=1e-3)
    assert math.isclose(found["class_babel"], C - 1, rel_tol=1e-5)
    assert math.isclose(found["class_average_coherence"], 1, rel_tol=1e-5)


def test_coinciding_class_means_have_no_score(rng):
    half = rng.normal(size=(N // 10, D))
    rows = np.stack([rng.permutation(np.concatenate([half, -half])) for _ in range(C)], axis=1)
    found = numbers(rows.reshape(N, D) + 5, Y)  # sums of the same rows in another order
    every = (*NC1, *NC2, "cdnv", "lidar")
    assert undefined(found, every) == set(every)
    assert math.isclose(found["vci"], 1, abs_tol=1e-4)  # the worst


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


def test_one_class_has_no_score(rng):
    found = numbers(rng.normal(size=(N, D)), np.zeros(N))
    every = (*NC1, *NC2, "cdnv", "vci", "lidar", "class_babel", "class_average_coherence")
    assert undefined(found, every) == set(every)


def test_one_row_a_class_says_nothing_of_collapse(rng):
    y = np.where(np.arange(N) < C, np.arange(N), -1)
    found = numbers(rng.normal(size=(N, D)), y)
    every = (*NC1, "cdnv", "vci", "lidar")
    assert undefined(found, (*every, *NC2)) == set(every)


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


def test_a_row_with_nan_leaves_nothing(rng):
    z, y = clouds(rng)
    z[5, 2] = np.nan
    assert all(math.isnan(v) for v in numbers(z, y).values())


CORNERS = jnp.array([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])
LABELS = jnp.array([0, 0, 1, 1, 2, 2])
REGULARISERS = {
    "collapse_ratio": lambda z: collapse_ratio(z, LABELS, 3),
    "scatter_ratio": lambda z: scatter_ratio(z, LABELS, 3),
    "simplex_error": simplex_error,
    "smooth_coherence_loss": smooth_coherence_loss,
    "frame_potential": frame_potential,
    "uniformity": uniformity,
    "participation_ratio": participation_ratio,
    "alignment": lambda z: alignment(z, z[::-1], alpha=1.0),
}
POINTS = {
    "simplex": CORNERS[LABELS],
    "collapse": jnp.ones((6, 2)),
    "zero": jnp.zeros((6, 2)),
    "anywhere": jax.random.normal(jax.random.key(3), (6, 2)),
}


@pytest.mark.parametrize("name", REGULARISERS)
def test_gradients_are_finite_at_degenerate_points(name):
    slope = jax.jit(jax.grad(REGULARISERS[name]))
    for point, z in POINTS.items():
        assert np.isfinite(slope(z)).all(), (name, point)


@pytest.mark.skipif(NO_TORCH, reason="torch is not installed")
@pytest.mark.parametrize("name", REGULARISERS)
def test_gradients_of_torch_are_those_of_jax(name):
    import torch

    for point, z in POINTS.items():
        x = torch.tensor(np.array(z), requires_grad=True)
        labels, backwards = torch.from_numpy(np.array(LABELS)), torch.arange(5, -1, -1)
        of_torch = REGULARISERS | {
            "collapse_ratio": lambda z, y=labels: collapse_ratio(z, y, 3),
            "scatter_ratio": lambda z, y=labels: scatter_ratio(z, y, 3),
            "alignment": lambda z, at=backwards: alignment(z, z[at], alpha=1.0),
        }
        (slope,) = torch.autograd.grad(of_torch[name](x), x)
        right = jax.grad(REGULARISERS[name])(z)
        np.testing.assert_allclose(slope, right, rtol=1e-4, atol=1e-5, err_msg=point)


def test_the_gradient_of_uniformity_is_that_of_finite_differences():
    step, z = 1e-5, np.asarray(POINTS["anywhere"], np.float64)
    along = np.random.default_rng(0).normal(size=z.shape)
    rise = float((uniformity(z + step * along) - uniformity(z - step * along)) / (2 * step))
    with jax.enable_x64(True):
        slope = float(np.sum(np.asarray(jax.jit(jax.grad(uniformity))(z)) * along))
    assert math.isclose(slope, rise, rel_tol=1e-6, abs_tol=1e-9)
