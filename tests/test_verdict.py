"""The diagnosis tells constructed spaces of each kind apart, and the answers agree with it."""

import jax
import numpy as np
import pytest

import gramax
from gramax.audits.verdict import KINDS, simplex_floor
from tests import transcription as seed

D = 32  # as the spaces of the examples have: each shape is a compilation of seconds


def simplex(c, d):
    """c codes of a simplex in d dimensions."""
    values, vectors = np.linalg.eigh(seed.simplex_gram(c))
    codes = vectors * np.sqrt(np.maximum(values, 0))
    return np.pad(codes[:, -min(c, d) :], ((0, 0), (0, max(0, d - c))))


def cloud(codes, per_class, noise, rng):
    y = np.repeat(np.arange(len(codes)), per_class)
    z = np.asarray(codes)[y]
    return z + noise * rng.normal(size=z.shape) / np.sqrt(z.shape[1]), y


def healthy(rng):
    return cloud(rng.normal(size=(10, D)), 40, 4.0, rng)


def neural_collapsed(rng):
    return cloud(simplex(10, D), 40, 1e-3, rng)


def dimensionally_collapsed(rng):
    z, y = cloud(rng.normal(size=(10, D)), 40, 2.0, rng)
    basis = np.linalg.qr(rng.normal(size=(D, 3)))[0]
    return z @ basis @ basis.T + 1e-3 * rng.normal(size=z.shape), y


def point_collapsed(rng):
    return np.ones((400, D)) + 1e-5 * rng.normal(size=(400, D)), np.arange(400) % 10


def exact_point(rng):
    return np.ones((400, D)), np.arange(400) % 10


def cone(rng):
    z, y = cloud(rng.normal(size=(10, D)), 40, 2.0, rng)
    return z + 5.0, y


def two_merged(rng):
    codes = rng.normal(size=(10, D))
    codes[7] = codes[3]
    return cloud(codes, 40, 2.0, rng)


def random(rng):
    return rng.normal(size=(400, D)), rng.integers(0, 10, 400)


def six_lines(_):
    g = (1 + 5**0.5) / 2
    return np.array([[0, 1, g], [0, 1, -g], [1, g, 0], [1, -g, 0], [g, 0, 1], [-g, 0, 1]])


def overloaded_near_optimal(rng):
    return cloud(six_lines(rng), 40, 0.1, rng)


def overloaded_poor(rng):
    codes = seed.unit(rng.normal(size=(20, 16)))
    twins = codes + 0.05 * rng.normal(size=codes.shape)
    return cloud(np.concatenate([codes, twins]), 20, 0.01, rng)


def too_few(rng):
    return (rng.normal(size=(1, 4)),)


SPACES = {
    too_few: "cannot be told",
    healthy: "healthy",
    neural_collapsed: "neural-collapsed",
    dimensionally_collapsed: "dimensionally collapsed",
    point_collapsed: "point-collapsed",
    exact_point: "point-collapsed",
    cone: "cone",
    two_merged: "classes merged",
    random: "random",
    overloaded_near_optimal: "overloaded, near-optimal",
    overloaded_poor: "overloaded, poor",
}


@pytest.mark.parametrize("make", SPACES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("draw", range(3))
def test_each_kind_of_space_is_told(make, draw):
    report = gramax.audit(*make(np.random.default_rng(draw)))
    assert report.diagnosis.kind == SPACES[make], report.diagnosis
    assert bool(report.diagnosis.advice) == bool(KINDS[report.diagnosis.kind])


def test_all_kinds_are_tested():
    assert set(SPACES.values()) == set(KINDS)


def statuses(report):
    return {answer.question: answer.status for answer in report.answers}


def test_answers_of_a_collapse_done_well(rng):
    report = gramax.audit(*neural_collapsed(rng))
    assert set(statuses(report).values()) == {"good"}


def test_answers_of_a_point_are_never_good(rng):
    for make in (point_collapsed, exact_point):
        found = statuses(gramax.audit(*make(rng)))
        assert "good" not in {found["collapse"], found["simplex"], found["crosstalk"]}


@pytest.mark.parametrize(("c", "d"), [(40, 16), pytest.param(300, 64, marks=pytest.mark.slow)])
def test_one_merged_pair_among_many_is_named(rng, c, d):
    codes = rng.normal(size=(c, d))
    codes[35] = codes[17]
    z, y = cloud(codes, 20, 1.0, rng)
    names = np.array([f"class-{k}" for k in range(c)])
    report = gramax.audit(z, names[y])
    assert [(p.a, p.b) for p in report.merged] == [("class-17", "class-35")]
    assert "class-17 and class-35" in report.diagnosis.text


def test_one_loose_class_among_many_is_seen(rng):
    z, y = cloud(rng.normal(size=(40, 16)), 20, 0.5, rng)
    z[y == 31] += rng.normal(size=(20, 16))
    loosest = max(gramax.audit(z, y).classes, key=lambda view: view.within)
    assert loosest.name == "31"


def test_without_labels_rank_and_cone_are_still_told(rng):
    unlabelled = gramax.audit(cone(rng)[0])
    assert unlabelled.diagnosis.kind == "cone"
    assert unlabelled.headroom is None
    assert unlabelled.to_dict()["headroom"] is None
    assert gramax.audit(dimensionally_collapsed(rng)[0]).diagnosis.kind == "dimensionally collapsed"
    assert gramax.audit(random(rng)[0]).diagnosis.kind == "healthy"
    assert all("class" not in line for line in gramax.audit(*too_few(rng)).warnings)


@pytest.mark.parametrize(("c", "d"), [(6, 3), (7, 3), (20, 4), (4, 3), (3, 8)])
def test_simplex_floor_is_a_floor_that_descent_attains(c, d):
    path = gramax.run_many(jax.random.key(1), c, d, n_seeds=1, steps=10)
    assert path.shape == (1, 11)
    x = jax.random.normal(jax.random.key(0), (c, d))
    x = jax.lax.fori_loop(0, 3000, lambda _, x: gramax.simplex_step(x, lr=0.05 * c), x)
    error = float(gramax.simplex_error(x))
    assert error >= simplex_floor(c, d) - 1e-5
    assert error == pytest.approx(simplex_floor(c, d), abs=2e-3)
