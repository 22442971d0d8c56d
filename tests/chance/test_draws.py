"""Drawn moments against the moments of drawn rows."""

import jax
import numpy as np
import pytest
from tests.chance.drawn import SEED, UNEQUAL, rows, setting_of

from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines
from gramax.uncertainty.chance import draws as chance_draws
from gramax.uncertainty.chance.laws import LAWS


@pytest.mark.parametrize("normalize", [True, False])
def test_drawn_moments_are_those_of_rows(normalize, monkeypatch):
    """Every metric of the registry: rows, moments of rows, and moments drawn without rows."""
    n, d, draws = sum(UNEQUAL), 6, 300
    setting = setting_of(UNEQUAL, d, normalize)
    places = np.flatnonzero(UNEQUAL)
    names = tuple(m.name for m in METRICS)
    y = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    brute, drawn = [], []
    with jax.enable_x64(True):
        for i in range(draws):
            x = rows(np.random.default_rng([SEED, i]), n, d, normalize)
            moments = ClassMoments.of(x, y, len(UNEQUAL), normalize=normalize)
            brute.append(jax.device_get(baselines._values(moments, names, Options())))
        monkeypatch.setattr(chance_draws, "FEW_VALUES", 0)
        assert not chance_draws.drawn_as_rows(setting, True)
        for i in range(draws):
            rng = np.random.default_rng([SEED + 1, i])
            moments = chance_draws.draw(setting, places, len(UNEQUAL), rng, True)
            drawn.append(jax.device_get(baselines._values(moments, names, Options())))
    for name, a, b in zip(names, np.array(brute).T, np.array(drawn).T, strict=True):
        if np.isnan(a).all():
            assert np.isnan(b).all(), name
            continue
        # Quartiles, for some numbers have no variance: each is known to 1.36 sd/√draws or so.
        (a1, a2, a3), (b1, b2, b3) = (np.quantile(v, (0.25, 0.5, 0.75)) for v in (a, b))
        width = a3 - a1
        print(f"{name}: {a2:.4g} ({width:.2g}) and {b2:.4g} ({b3 - b1:.2g}), seed {SEED}")
        assert abs(a2 - b2) <= 0.3 * width + 1e-12, name
        assert b3 - b1 == pytest.approx(width, rel=0.35, abs=1e-12), name
        law = LAWS[name](setting) if name in LAWS else None
        if law is not None:
            assert a.mean() == pytest.approx(law.mean, abs=0.25 * a.std() + 1e-12), name
            assert a.std() == pytest.approx(law.sd, rel=0.15), name


def test_few_rows_are_drawn_themselves():
    setting = setting_of((3, 2, 1), 8)  # n < d
    assert chance_draws.drawn_as_rows(setting, True)
    rng = np.random.default_rng(SEED)
    with jax.enable_x64(True):
        moments = chance_draws.draw(setting, np.array([0, 2, 3]), 5, rng, True)
        moments = jax.device_get(moments)
    assert np.linalg.matrix_rank(moments.scatter) == 3
    assert np.trace(moments.scatter) == pytest.approx(moments.spread.sum())
    np.testing.assert_array_equal(moments.count[0], [3, 0, 2, 1, 0])


def test_scatter_of_fewer_rows_than_dimensions_has_their_rank():
    setting = setting_of((1,) * 300 + (2, 3), 20, False)  # 3 rows more than classes
    rng = np.random.default_rng(SEED)
    _, spread, scatter = chance_draws._from_laws(setting, rng, True)
    assert np.linalg.matrix_rank(scatter) == 3
    assert np.trace(scatter) == pytest.approx(spread.sum())
