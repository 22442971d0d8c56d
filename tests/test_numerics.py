"""The limits that docs/numerics.md documents, on a part of its grid; and what keeps the digits."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks import numerics, numerics_page
from benchmarks.numerics_inputs import TROUBLES, Point, rows
from benchmarks.numerics_limits import KINDS, LIMITS, RAW, ROWS, SPHERE, allowed, within, words

import gramax
from gramax import ClassMoments
from gramax.metrics import alpha_req, nc4_agreement
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from tests import field
from tests.numbers import C, D, N, clouds

both_libraries = pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])


def evidence(z, y=None, c=1, array=jnp.asarray):
    """Of raw float32 rows, which JAX sums in float32 and NumPy in float64."""
    z = array(np.asarray(z, np.float32))
    return Evidence(ClassMoments.of(z, None if y is None else np.asarray(y), c, normalize=False))


def on_host(e):
    """What JAX has summed in float32, in NumPy's arrays: formulas are not compiled one by one."""
    return Evidence(jax.tree.map(np.asarray, e.moments))


def numbers(e):
    return {name: float(value) for name, value in gramax.report(e.moments).items()}


POINTS = (  # of one shape: no program is compiled twice
    *(Point(1e-12), Point(1e-8, 1.0), Point(1e-6, 1e2), Point(1.0, 1e4), Point(1e-6, 1e4)),
    *(Point(1e-6, scale=1e-20), Point(scale=1e20), Point(1e-2, 1.0, dtype="bfloat16")),
)


def check_limits(points, kind):
    names = set()
    for point in points:
        for name, error in numerics.errors(point, kind).items():
            names.add(name)
            assert within(name, kind, point.trouble, error), (name, point, error)
    return names


def test_limits_hold_of_every_metric():
    names = {name for kind in (SPHERE, RAW) for name in check_limits(POINTS, kind)}
    names |= check_limits(POINTS[:-1], ROWS)  # which widens half precision to begin with
    # Codebooks are audited on the host, in float64.
    assert names == {one.name for one in METRICS.everything() if "codes" not in one.needs}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_limits_hold_on_the_whole_grid(kind):
    assert len(check_limits(numerics.points(kind), kind)) > 2


def test_limits_name_what_there_is_and_bind():
    for limit in LIMITS:
        assert limit.kind in KINDS
        assert set(limit.troubles) <= set(TROUBLES)
        for name in limit.metrics:
            assert name in METRICS
    assert allowed("cdnv", SPHERE, "tight") == (1e-3, False)
    assert not within("cdnv", SPHERE, "tight", 2e-3)
    assert not within("cdnv", SPHERE, "scale", np.nan)
    assert within("cdnv", RAW, "scale", np.nan)
    assert not within("alpha_req", SPHERE, "far", 2.0)


def test_the_page_says_what_is_tested():
    page = numerics_page.PAGE.read_text(encoding="utf-8")
    assert words() in page
    assert numerics_page.hard() in page
    shown = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert shown == {metric.name for metric in METRICS.everything() if "codes" not in metric.needs}


def test_the_page_keeps_its_prose():
    parts = {"limits": "a\\1", "tables": numerics_page.tables({(RAW, "cdnv"): {"far": [2e-7]}})}
    page = "x\n<!-- limits -->old<!-- end of limits -->\ny\n<!-- tables --><!-- end of tables -->"
    page = numerics_page.filled(page, parts)
    assert page.startswith("x\n<!-- limits -->\na\\1\n<!-- end of limits -->\ny\n")
    assert "| `cdnv` |  | 2e-07 |" in page
    assert numerics_page.cell([1e-7, 2e-3, np.nan]) == "**2e-03**, NaN"


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_raw_rows_out_of_scale_have_no_number_and_a_true_reason(scale):
    e = evidence(*rows(Point(scale=scale)), C)
    found = numbers(e)
    for name in ("scatter_ratio", "nc2_equinorm", "participation_ratio", "within_class_variance"):
        assert np.isnan(found[name])
    with np.errstate(over="ignore"):
        why = METRICS["scatter_ratio"].reason(on_host(e))
    assert ("large" if scale > 1 else "little") in why
    assert np.isfinite(found["class_coherence"])


@both_libraries
def test_points_for_classes_are_not_too_small(rng, array):
    y = np.arange(N) % C
    found = numbers(evidence(1e-3 * rng.normal(size=(C, D))[y], y, C, array))
    assert found["nc1_quotient"] == found["scatter_ratio"] == 0


def test_what_does_not_stand_out_keeps_its_digits_beside_class_means(rng):
    """Without labels float32 cannot tell it from rounding, and says so; it gave 0."""
    y = np.arange(400) % 10
    z = (rng.normal(size=(10, 96)) + 5)[y] + 10**-2.5 * rng.normal(size=(400, 96))
    right = numbers(evidence(z, y, 10, np.asarray))["bulk_share"]
    assert numbers(on_host(evidence(z, y, 10)))["bulk_share"] == pytest.approx(right, rel=1e-3)
    alone = on_host(evidence(z))
    assert np.isnan(numbers(alone)["bulk_share"])
    assert "float32" in METRICS["bulk_share"].reason(alone)


def test_a_flat_axis_of_the_means_is_not_guessed(rng):
    """Nine means in four dimensions, one of them 1e-4 thin: Σ_W there is below rounding."""
    z, y = clouds(rng, N, 4, 9)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    for thin, defined in ((1e-2, True), (1e-4, False)):
        flat = (z * [1, 1, 1, thin] @ turn).astype(np.float32)
        e, wide = on_host(evidence(flat, y, 9)), evidence(flat, y, 9, np.asarray)
        for name in ("nc1_pinv", "nc1_svd", "vci"):
            assert np.isfinite(METRICS[name].value(e)) == defined, (name, thin)
            right = getattr(field, name)(flat, y)
            np.testing.assert_allclose(METRICS[name].value(wide), right, rtol=1e-6)
            if defined:
                np.testing.assert_allclose(METRICS[name].value(e), right, rtol=5e-3)
    assert "thinnest axis" in METRICS["nc1_pinv"].reason(e)
    assert "below the rounding" in METRICS["vci"].reason(e)


@both_libraries
def test_the_centre_of_a_class_that_outweighs_all_keeps_its_digits(array):
    """μ_0 - μ_G is 1e-5 of the distances between means: their difference would be rounding."""
    moments = evidence(*rows(Point()), C, array).moments
    heavy = moments.count * array(np.where(np.arange(C) == 0, 1e6, 1.0).astype(np.float32))
    e = Evidence(replace(moments, count=heavy))
    means = np.asarray(moments.anchor, float) + np.asarray(moments.mean, float)
    share = np.asarray(heavy[0], float) / np.asarray(heavy[0], float).sum()
    np.testing.assert_allclose(e.centred[0], (means[0] - share @ means), rtol=1e-4)


@both_libraries
def test_decisions_at_any_scale(rng, array):
    z, y = clouds(rng, spread=1.5)
    W = rng.normal(size=(C, D)).astype(np.float32)
    for scale in (1e-20, 1e20):
        far = (scale * z).astype(np.float32)
        expected = field.nc4_agreement(far, W, np.zeros(C), y)
        found = nc4_agreement(array(far), array(W), None, array(y), C)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def low_rank(rng, rank=3):
    """Rows that span a few of the dimensions, none of them along an axis."""
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    return (rng.normal(size=(N, rank)) / np.arange(1, rank + 1) @ turn[:rank]).astype(np.float32)


def test_rounding_is_not_taken_for_a_spectrum_however_wide_its_sums_have_become(rng):
    """Sums of float32, merged in float64, end in eigenvalues of 1e-7, which are noise."""
    z = low_rank(rng)
    alone = evidence(z).moments
    wide = alone.widened()
    both = wide.merge(wide)
    assert (wide.summed, both.summed, both.mean.dtype) == ("float32", "float32", np.float64)
    rank = METRICS["effective_rank"].value(evidence(z.astype(np.float32), array=np.asarray))
    for moments in (alone, wide, both):
        e = on_host(Evidence(moments))
        assert int(np.sum(np.asarray(e.eigenvalues) > 0)) == 3
        assert "or use float64" in METRICS["alpha_req"].reason(e)
        np.testing.assert_allclose(METRICS["effective_rank"].value(e), rank, rtol=1e-5)
    assert np.isnan(alpha_req(jnp.asarray(z), last=4))
    np.testing.assert_allclose(
        alpha_req(jnp.asarray(z), last=3), field.alpha_req(z, 1, 3), rtol=1e-5
    )


@both_libraries
def test_what_must_be_zero_is_not_in_doubt(rng, array):
    """Coordinates in which no row differs, fewer rows than dimensions, classes that are points."""
    dead, y = rng.normal(size=(N, D)) * (np.arange(D) < 5), np.arange(N)
    points = rng.normal(size=(C, D))[y % C]
    few = np.where(y[:, None] < 4, rng.normal(size=(N, D)), 0)
    for z, c, labels in ((dead, 1, None), (few, 1, np.where(y < 4, 0, -1)), (points, C, y % C)):
        z = z.astype(np.float32)
        e = on_host(evidence(z, labels, c, array))
        kept = z if labels is None else z[labels >= 0]
        expected = field.alpha_req(kept, 1, int(np.sum(np.asarray(e.eigenvalues) > 0)))
        np.testing.assert_allclose(METRICS["alpha_req"].value(e), expected, rtol=1e-4)


def test_lidar_along_axes_of_rounding_is_right_or_has_no_number(rng):
    """Σ_W of 1 on one axis of eight, and 1e-7 on those along which the means differ."""
    y = (np.arange(N) % C).astype(np.int32)
    thin = np.where(np.arange(D) == 0, 1, 3e-4)
    means = rng.normal(size=(C, D)) * (np.arange(D) > 0)
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    z = (means[y] + thin * rng.normal(size=(N, D))) @ turn
    found, right = METRICS["lidar"].value(evidence(z, y, C)), field.lidar(z, y)
    assert np.isnan(found) or abs(found / right - 1) < 0.01
    wide = ClassMoments.of(z, y, C, normalize=False)
    np.testing.assert_allclose(METRICS["lidar"].value(Evidence(wide)), right, rtol=1e-6)


@pytest.mark.parametrize(("n", "batch"), [(1 << 16, 1 << 16), (1 << 12, 64)])
def test_rounding_of_sums_is_below_the_resolution(rng, n, batch):
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    z = np.maximum(rng.normal(size=(n, 3)) @ turn[:3], 0).astype(np.float32)
    moments = ClassMoments.empty(1, D, normalize=False)
    for start in range(0, n, batch):
        part = jnp.asarray(z[start : start + batch])
        moments = moments.update(part, np.zeros(batch, np.int32))
    right = np.cov(z.T.astype(float), bias=True) * n
    wrong = np.linalg.norm(np.asarray(moments.scatter, float) - right, 2)
    share = wrong / np.linalg.norm(right, 2)
    assert 0 < share < Evidence(moments).resolution
