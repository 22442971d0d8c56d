"""Drawn moments against the moments of drawn rows."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from tests.chance.drawn import SEED, UNEQUAL, rows, setting_of

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import draws as chance_draws
from gramax.uncertainty.chance.answers import of_codes, of_spectrum
from gramax.uncertainty.chance.baselines import ANSWERED
from gramax.uncertainty.chance.laws import LAWS

NAMES = [metric.name for metric in METRICS]
DRAWS = 400


def _of_rows(normalize: bool, names: Sequence[str], options: Options) -> np.ndarray:
    """Metrics of drawn rows, a row a data set."""
    n, c, found = sum(UNEQUAL), len(UNEQUAL), []
    y = np.repeat(np.arange(c), UNEQUAL)
    for i in range(DRAWS):
        x = rows(np.random.default_rng([SEED, i]), n, 6, normalize)
        e = Evidence(ClassMoments.of(x, y, c, normalize=normalize), options)
        found.append([float(METRICS[name].value(e)) for name in names])
    return np.array(found)


def _agree(name: str, a: np.ndarray, b: np.ndarray) -> None:
    """Quartiles, for some numbers have no variance: each is known to 1.36 sd/√draws or so."""
    (a1, a2, a3), (b1, b2, b3) = (np.quantile(v, (0.25, 0.5, 0.75)) for v in (a, b))
    width = a3 - a1
    print(f"{name}: {a2:.4g} ({width:.2g}) and {b2:.4g} ({b3 - b1:.2g}), seed {SEED}")
    assert abs(a2 - b2) <= 0.35 * width + 1e-12, name
    assert b3 - b1 == pytest.approx(width, rel=0.35, abs=1e-12), name


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_drawn_moments_are_those_of_rows(normalize, monkeypatch):
    """Every metric of the registry: rows, and moments drawn without rows; and each law."""
    setting = setting_of(UNEQUAL, 6, normalize)
    brute = _of_rows(normalize, NAMES, Options())
    monkeypatch.setattr(chance_draws, "FEW_VALUES", 0)
    assert not chance_draws.drawn_as_rows(setting, True)
    drawn = []
    for i in range(DRAWS):
        rng = np.random.default_rng([SEED + 1, i])
        moments = chance_draws.draw(setting, np.flatnonzero(UNEQUAL), len(UNEQUAL), rng, True)
        drawn.append([float(METRICS[name].value(Evidence(moments))) for name in NAMES])
    for name, a, b in zip(NAMES, brute.T, np.array(drawn).T, strict=True):
        if np.isnan(a).all():
            assert np.isnan(b).all(), name
            continue
        _agree(name, a, b)
        law = LAWS[name](setting) if name in LAWS else None
        if law is not None:
            assert a.mean() == pytest.approx(law.mean, abs=0.25 * a.std() + 1e-12), name
            assert a.std() == pytest.approx(law.sd, rel=0.2), name


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weighting", ["sample", "macro"])
def test_draws_for_the_answers_are_those_of_rows(normalize, weighting):
    found = _of_rows(normalize, ANSWERED, Options(weighting=weighting))
    brute = dict(zip(ANSWERED, found.T, strict=True))
    setting, rng = setting_of(UNEQUAL, 6, normalize, weighting=weighting), np.random.default_rng(0)
    if not normalize:
        setting = setting_of(UNEQUAL, 6, False, 0.02, weighting=weighting)  # ratios have no scale
    drawn = of_codes(setting, rng) | of_spectrum(setting, rng)
    assert drawn.keys() == set(ANSWERED) - {"class_frame_potential"}
    for name, values in drawn.items():
        _agree(name, brute[name], values)


@pytest.mark.parametrize(("n", "d"), [(9, 30), (30, 9), (100, 9)])
@pytest.mark.parametrize("normalize", [True, False])
def test_spectra_of_few_and_of_many_rows(n, d, normalize):
    rng, found = np.random.default_rng(SEED), []
    for _ in range(DRAWS):
        x = rows(rng, n, d, normalize)
        p = np.linalg.svd(x - x.mean(0), compute_uv=False)[: min(n - 1, d)] ** 2
        p /= p.sum()
        found.append(np.exp(-np.sum(p * np.log(p))))
    drawn = of_spectrum(setting_of((n,), d, normalize), rng)["effective_rank"]
    _agree("effective_rank", np.array(found), drawn)


def test_too_many_classes_or_dimensions_are_not_drawn():
    rng = np.random.default_rng(0)
    assert of_codes(setting_of((2,) * 700, 800), rng) == {}
    assert of_spectrum(setting_of((1000,), 300), rng) == {}
    assert of_codes(setting_of((5,), 8), rng) == {}
    assert "collapse_ratio" not in of_codes(setting_of((1, 1), 8), rng)


def test_few_rows_are_drawn_themselves_in_the_space_that_they_span():
    setting = setting_of((3, 2, 1), 8)  # n < d
    assert chance_draws.drawn_as_rows(setting, True)
    rng = np.random.default_rng(SEED)
    moments = chance_draws.draw(setting, np.array([0, 2, 3]), 5, rng, True)
    assert (moments.dim, moments.scatter.shape) == (8, (6, 6))
    assert np.linalg.matrix_rank(moments.scatter) == 3
    assert np.trace(moments.scatter) == pytest.approx(moments.spread.sum())
    np.testing.assert_array_equal(moments.count[0], [3, 0, 2, 1, 0])


def test_rows_in_the_space_that_they_span_have_the_same_products(rng):
    x = np.stack([chance_draws.gaussian_rows(4, 7, rng) for _ in range(4000)])
    gram = x @ x.transpose(0, 2, 1)
    off, on = gram[:, *np.triu_indices(4, 1)], np.diagonal(gram, axis1=1, axis2=2)
    np.testing.assert_allclose(on.mean(0), 7, rtol=0.04)
    np.testing.assert_allclose(on.var(0), 14, rtol=0.12)
    np.testing.assert_allclose(off.mean(0), 0, atol=4 * math.sqrt(7 / 4000))
    np.testing.assert_allclose(off.var(0), 7, rtol=0.12)


def test_scatter_of_fewer_rows_than_dimensions_has_their_rank():
    setting = setting_of((1,) * 300 + (2, 3), 20, False)  # 3 rows more than classes
    rng = np.random.default_rng(SEED)
    _, spread, scatter = chance_draws._from_laws(setting, rng, True)
    assert np.linalg.matrix_rank(scatter) == 3
    assert np.trace(scatter) == pytest.approx(spread.sum())
