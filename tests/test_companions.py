"""Companions against known truths: right to 5% on average from n ≥ d/2 rows, by seeded draws."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gramax.arrays.rows import spanned
from gramax.metrics.options import Options
from gramax.metrics.report import report
from gramax.moments import BlockMoments, ClassMoments
from gramax.uncertainty.companions import companions, companions_with_intervals
from gramax.uncertainty.errorbars import error_bars

D, C, SEED = 128, 10, 9
OF_CLASSES = ("cdnv", "nc1_quotient", "nc1_pinv", "nc1_svd", "vci")


def reference(x: np.ndarray) -> float:
    """The "row" estimator of Chun and others 2025 (arXiv 2509.26560), from the Gram matrix.

    Sums over different rows i, j, l, r, by inclusion and exclusion of those that coincide.
    """
    n = len(x)
    g = x @ x.T
    diagonal, r = np.diag(g), g.sum(1)
    pairs, triples = n * (n - 1), n * (n - 1) * (n - 2)
    off, lone = g - np.diag(diagonal), r - diagonal
    square = np.sum(off**2) / pairs - 2 * (np.sum(lone**2) - np.sum(off**2)) / triples
    trace = (diagonal.sum() ** 2 - np.sum(diagonal**2)) / pairs
    trace -= 2 * (diagonal.sum() * off.sum() - 2 * diagonal @ lone) / triples
    four = off.sum() ** 2 - 4 * np.sum(lone**2) + 2 * np.sum(off**2)
    four /= triples * (n - 3)
    return (trace + four) / (square + four)


def of_rows(z: np.ndarray, y: np.ndarray, c: int = 1, **how: bool) -> BlockMoments:
    return BlockMoments.empty(c, z.shape[1], **{"normalize": False, **how}).update(z, y)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_one_row_a_block_is_the_published_estimator(rng, offset):
    """Its package gives 7.23743073907621 for other rows, and these formulas the same."""
    x = rng.standard_normal((30, 12)) * np.arange(1, 13)
    parts = [ClassMoments.of(row[None] + offset, None, 1, normalize=False) for row in x]
    found = companions(BlockMoments.of_parts(parts))["participation_ratio"]
    assert found.value == pytest.approx(reference(x), rel=1e-6)
    dimensionality = pytest.importorskip("dimensionality")
    theirs = dimensionality.participation_ratio(x, return_all=True)["row"]
    assert found.value == pytest.approx(theirs, rel=1e-6)


# -- the truth ----------------------------------------------------------------------------------


def _entropy_rank(values: np.ndarray) -> float:
    p = values[values > 1e-12] / np.sum(values)
    return float(np.exp(-np.sum(p * np.log(p))))


@cache
def _space(decay: float, apart: float) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Class means, variances along the axes, and the numbers of infinitely many rows."""
    scale = np.arange(1, D + 1) ** -decay
    scale *= D / scale.sum()
    means = np.random.default_rng(SEED).standard_normal((C, D)) * apart
    centred, where = means - means.mean(0), np.triu_indices(C, 1)
    gaps = ((means[:, None] - means) ** 2).sum(-1)[where]
    between = centred.T @ centred / C
    inverse = np.linalg.pinv(between, rcond=1e-10, hermitian=True)
    s = np.linalg.svd(centred / np.sqrt(scale * C), compute_uv=False)[: C - 1]
    nc1 = float(np.trace(np.diag(scale) @ inverse)) / C
    return (
        means,
        scale,
        {
            "cdnv": float(np.mean(scale.sum() / gaps)),
            "nc1_quotient": float(scale.sum() / np.trace(between)),
            "nc1_pinv": nc1,
            "nc1_svd": nc1,
            "vci": float(np.mean(1 / (1 + s**2))),
        },
    )


def _agree(draw, draws: int, truth: dict[str, float], rel: float = 0.05) -> None:
    """The mean over draws of every companion is what it stands for."""
    found = [companions(draw(np.random.default_rng([SEED, i]))) for i in range(draws)]
    for name, right in truth.items():
        assert np.mean([one[name].value for one in found]) == pytest.approx(right, rel=rel), name


def _draw_of(means: np.ndarray, scale: np.ndarray, n: int):
    """Draws `n` rows of equal classes about these means, of these variances along the axes."""
    y = np.arange(n) % len(means)
    return lambda rng: of_rows(
        means[y] + rng.standard_normal((n, D)) * np.sqrt(scale), y, len(means)
    )


@pytest.mark.parametrize(
    ("decay", "n"),
    [
        (0.0, D // 2),
        (0.5, 100),
        (1.0, 4 * D),
        *(pytest.param(x, 4 * D, marks=pytest.mark.slow) for x in (0.0, 0.5)),
        *(pytest.param(x, D // 2, marks=pytest.mark.slow) for x in (0.5, 1.0)),
    ],
)
def test_ranks(decay, n):
    """Of spectra that are flat, and that fall by a power law."""
    scale = np.arange(1, D + 1) ** -decay
    ratio = scale.sum() ** 2 / np.sum(scale**2)
    truth = {"participation_ratio": ratio, "effective_rank": _entropy_rank(scale)}
    _agree(_draw_of(np.full((1, D), 3.0), scale, n), 24, truth)


def test_the_example_of_few_rows():
    """A participation ratio of 77.6 reads 43.9 from 100 rows."""
    scale = np.concatenate([np.ones(60), np.full(68, 0.1307)])
    right = scale.sum() ** 2 / np.sum(scale**2)
    draw = _draw_of(np.zeros((1, D)), scale, 100)
    plain = float(report(draw(np.random.default_rng(0)).whole)["participation_ratio"])
    assert right == pytest.approx(77.6, abs=0.05)
    assert plain == pytest.approx(43.9, abs=2)
    _agree(draw, 24, {"participation_ratio": right, "isoscore": (right - 1) / (D - 1)})


@pytest.mark.parametrize(
    ("decay", "n"),
    [
        (0.0, D // 2),
        (0.5, D),
        pytest.param(0.0, D, marks=pytest.mark.slow),
        *(pytest.param(x, 4 * D, marks=pytest.mark.slow) for x in (0.0, 0.5)),
    ],
)
def test_collapse(decay, n):
    """Where the plain numbers read up to a third of the truth, and the VCI 0."""
    means, scale, truth = _space(decay, 0.7)
    draw = _draw_of(means, scale, n)
    _agree(draw, 32, truth)
    plain = report(draw(np.random.default_rng(0)).whole)
    assert n > D or all(plain[name] < 0.92 * right for name, right in truth.items())


def test_classes_that_are_hard_to_tell():
    """A VCI of 0.4 from d/2 rows, where it reads 2e-6; CDNV and its quotient with it."""
    means, scale, truth = _space(0.0, 0.35)
    draw = _draw_of(means, scale, D // 2)
    assert float(report(draw(np.random.default_rng(0)).whole)["vci"]) < 1e-3
    _agree(draw, 48, {name: truth[name] for name in ("cdnv", "nc1_quotient", "vci")}, 0.08)
    none = companions(draw(np.random.default_rng(0)))["nc1_pinv"]
    assert math.isnan(none.value)
    assert "thinnest axis" in none.reason


@pytest.mark.parametrize("weighting", ["sample", "macro"])
def test_unequal_classes_weighed_either_way(rng, weighting):
    """Of many rows companion and metric are the same, to first order in 1/n."""
    y = rng.choice(4, 4000, p=[0.5, 0.3, 0.15, 0.05])
    z = rng.standard_normal((4, 12))[y] + rng.standard_normal((4000, 12)) * np.linspace(0.4, 1, 12)
    options, blocks = Options(weighting=weighting), of_rows(z, y, 4)
    plain = report(blocks.whole, options)
    for name, one in companions(blocks, options).items():
        assert one.value == pytest.approx(float(plain[name]), rel=0.03), name


def test_two_classes_are_as_far_apart_as_products_of_different_rows_say(rng):
    """The squared crossnobis distance, which the CDNV of two classes divides by."""
    z, y = rng.standard_normal((12, 5)) + 1, np.repeat([0, 2], [5, 7])
    z[y == 2] += 3
    products = z @ z.T - np.diag(np.sum(z**2, axis=1))
    a, b = y == 0, y == 2
    distance = products[np.ix_(a, a)].sum() / 20 + products[np.ix_(b, b)].sum() / 42
    distance -= 2 * products[np.ix_(a, b)].mean()
    spread = sum(np.var(z[which], axis=0, ddof=1).sum() for which in (a, b))
    found = companions(of_rows(z, y, 3))["cdnv"]
    assert found.value == pytest.approx(spread / (2 * distance), rel=1e-10)


# -- what changes nothing, and where there is none -----------------------------------------------


@pytest.fixture
def few(rng):
    """Forty rows in sixty dimensions, three unequal classes."""
    y = rng.choice(3, 40, p=[0.5, 0.3, 0.2])
    return rng.standard_normal((3, 60))[y] + rng.standard_normal((40, 60)), y


def _same(a, b) -> None:
    assert a.keys() == b.keys()
    for name, one in a.items():
        assert b[name].value == pytest.approx(one.value, rel=1e-6, nan_ok=True), name


def test_turned_moved_scaled_and_weighted_rows(few, rng):
    z, y = few
    found = companions(of_rows(z, y, 3))
    assert {*found} == {"participation_ratio", "isoscore", "effective_rank", *OF_CLASSES}
    assert all(math.isfinite(one.value) for one in found.values())
    turn = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    _same(found, companions(of_rows(3 * z @ turn + 7, y, 3)))
    light = BlockMoments.empty(3, 60, normalize=False).update(z, y, np.full(40, 1e-3))
    _same(found, companions(light))


def test_rows_in_the_space_that_they_span(few):
    z, y = few
    short = spanned(z)
    empty = ClassMoments.empty(3, short.shape[1], normalize=False, ambient=60)
    blocks = BlockMoments.empty(3, 60, normalize=False)
    held = replace(blocks, parts=(empty,) * blocks.blocks).update(short, y)
    _same(companions(of_rows(z, y, 3)), companions(held))


def test_too_few_rows_have_no_companion(few):
    z, y = few
    found = companions(of_rows(z[:6], y[:6], 3))
    for name in ("effective_rank", *OF_CLASSES):
        assert math.isnan(found[name].value)
        assert found[name].reason
    parts = [ClassMoments.of(z[i::3], None, 1, normalize=False) for i in range(3)]
    three = companions(BlockMoments.of_parts(parts))
    assert "at least 4 blocks, got 3" in three["participation_ratio"].reason
    assert math.isfinite(three["effective_rank"].value)
    assert companions(of_rows(z, y, 3, scatter=False)) == {}


def test_degenerate_rows_have_no_companion(rng):
    y = np.arange(40) % 2
    flat = rng.standard_normal((40, 30))  # classes that share a mean
    found = companions(of_rows(flat, y, 2))
    for name in ("cdnv", "nc1_quotient", "nc1_pinv"):
        assert math.isnan(found[name].value)
        assert "noise" in found[name].reason
    still = companions(of_rows(np.ones((40, 5)), y, 2))
    assert all(math.isnan(one.value) for one in still.values())
    flat[3] = np.nan
    for one in companions(of_rows(flat, y, 2)).values():
        assert math.isnan(one.value)
        assert one.reason == "1 row(s) hold NaN or infinity"


def test_spectra_from_the_origin(rng):
    z = rng.standard_normal((200, 20)) + 1
    found = companions(of_rows(z, np.zeros(200, int)), Options(center="none"))
    assert "effective_rank" not in found
    moment = np.eye(20) + 1
    right = np.trace(moment) ** 2 / np.sum(moment**2)
    assert found["participation_ratio"].value == pytest.approx(right, rel=0.1)


def test_intervals_of_companions_cover_what_many_rows_give():
    """Of 200 rows of classes of Zipf sizes, intervals of the plain CDNV cover it in a third.

    The truth is that of 400,000 rows; a binomial of 24 and 90 % is below 17 once in 1,000.
    """
    rng, d, c, share = np.random.default_rng(SEED), 12, 8, 1 / np.arange(1, 9)
    means, spread = 0.6 * rng.normal(size=(c, d)), np.arange(1, d + 1) ** -0.5

    def draw(n):
        y = rng.choice(c, n, p=share / share.sum())
        return spread * (means[y] + rng.normal(size=(n, d))), y

    whole = of_rows(*draw(400_000), c, blocks=2).whole
    names = ("cdnv", "vci", "effective_rank", "scatter_ratio", "rankme")
    truth, hits, plain = report(whole), dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for _ in range(24):
        blocks = of_rows(*draw(200), c)
        bars = error_bars(blocks, names=names)
        for name, one in companions_with_intervals(blocks, bars).items():
            hits[name] += one.low is not None and one.low <= truth[name] <= one.high
            plain[name] += bars[name].low <= truth[name] <= bars[name].high
    bars = error_bars(blocks)
    few, enough = ({*companions_with_intervals(blocks, bars, None, groups)} for groups in (23, 24))
    assert few == {"participation_ratio", "isoscore"}
    assert few | {"cdnv", "rankme"} <= enough
    assert min(hits.values()) >= 17, hits
    assert plain["cdnv"] < 17, plain
