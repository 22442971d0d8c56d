"""The diagnosis tells constructed spaces of each kind apart, and the answers agree with it."""

import jax
import numpy as np
import pytest

import gramax
from gramax.audits.verdict import KINDS, PROPERTIES, simplex_floor
from tests import transcription as seed

D = 32  # as the spaces of the examples have: each shape is a compilation of seconds


def simplex(c, d):
    """c codes of a simplex in d dimensions."""
    values, vectors = np.linalg.eigh(seed.simplex_gram(c))
    codes = vectors * np.sqrt(np.maximum(values, 0))
    return np.pad(codes[:, -min(c, d) :], ((0, 0), (0, max(0, d - c))))


def six_lines(_):
    g = (1 + 5**0.5) / 2
    return np.array([[0, 1, g], [0, 1, -g], [1, g, 0], [1, -g, 0], [g, 0, 1], [-g, 0, 1]])


def cloud(codes, per_class, noise, rng):
    y = np.repeat(np.arange(len(codes)), per_class)
    z = np.asarray(codes)[y]
    return z + noise * rng.normal(size=z.shape) / np.sqrt(z.shape[1]), y


def spread(rng):
    return cloud(rng.normal(size=(10, D)), 40, 2.0, rng)


def dimensionally_collapsed(rng):
    z, y = spread(rng)
    basis = np.linalg.qr(rng.normal(size=(D, 3)))[0]
    return z @ basis @ basis.T + 1e-3 * rng.normal(size=z.shape), y


def point(rng, noise):
    return np.ones((400, D)) + noise * rng.normal(size=(400, D)), np.arange(400) % 10


def cone(rng):
    z, y = cloud(rng.normal(size=(10, D)), 40, 20.0, rng)
    return z + 5.0, y


def interleaved(rng):
    corner = np.arange(400) % 4
    centres = np.array([[4, 4], [-4, -4], [4, -4], [-4, 4]])
    return np.pad(centres[corner] + rng.normal(size=(400, 2)), ((0, 0), (0, D - 2))), corner // 2


def two_merged(rng):
    codes = rng.normal(size=(10, D))
    codes[7] = codes[3]
    return cloud(codes, 40, 2.0, rng)


def crowded(rng):
    codes = seed.unit(rng.normal(size=(20, 16)))
    twins = codes + 0.05 * rng.normal(size=codes.shape)
    return cloud(np.concatenate([codes, twins]), 20, 0.01, rng)


SPACES = {
    "too few": (lambda rng: (rng.normal(size=(1, 4)),), "cannot be told"),
    "spread": (spread, "healthy"),
    "simplex": (lambda rng: cloud(simplex(10, D), 40, 1e-3, rng), "neural-collapsed"),
    "thin": (dimensionally_collapsed, "overlapping"),
    "nearly a point": (lambda rng: point(rng, 1e-5), "point-collapsed"),
    "point": (lambda rng: point(rng, 0), "point-collapsed"),
    "cone": (cone, "overlapping"),
    "cone without labels": (lambda rng: cone(rng)[:1], "amiss"),
    "twins": (two_merged, "classes merged"),
    "two places each": (interleaved, "interleaved"),
    "random": (lambda rng: (rng.normal(size=(400, D)), rng.integers(0, 10, 400)), "random"),
    "six lines": (lambda rng: cloud(six_lines(0), 40, 0.1, rng), "healthy"),
    "twenty twins": (crowded, "healthy"),
}


@pytest.mark.parametrize("name", SPACES)
def test_each_kind_of_space_is_told(name):
    make, kind = SPACES[name]
    for draw in range(3):
        report = gramax.audit(*make(np.random.default_rng(draw)), portrait=False)
        assert report.diagnosis.kind == kind, report.diagnosis
        told = report.diagnosis
        needed = [one for one in told.properties if one != "crowded codes"]
        properties = [PROPERTIES[one] for one in needed if PROPERTIES[one]]
        if kind != "amiss":
            assert told.advice == (KINDS[kind] or next(iter(properties), ""))
        assert ("cone" in told.properties) == (name == "cone"), told
        assert ("crowded codes" in told.properties) == (name == "twenty twins"), told
        assert ("well-packed codes" in told.properties) == (name == "six lines"), told
        assert ("narrow spectrum" in told.properties) == (name == "thin"), told
        status = {answer.question: answer.status for answer in report.answers}
        if kind == "neural-collapsed":
            assert set(status.values()) == {"good"}
        if kind == "random":
            assert "good" not in status.values()
        if kind == "point-collapsed":
            assert "good" not in {status["collapse"], status["simplex"], status["crosstalk"]}


def test_all_kinds_are_tested():
    assert {kind for _, kind in SPACES.values()} == set(KINDS)


@pytest.mark.parametrize(("c", "d"), [(40, 16), pytest.param(300, 64, marks=pytest.mark.slow)])
def test_one_merged_pair_among_many_is_named(rng, c, d):
    codes = rng.normal(size=(c, d))
    codes[35] = codes[17]
    z, y = cloud(codes, 20, 1.0, rng)
    report = gramax.audit(z, np.array([f"class-{k}" for k in range(c)])[y])
    assert [(p.a, p.b) for p in report.merged] == [("class-17", "class-35")]
    assert "class-17 and class-35" in report.diagnosis.text


def test_one_loose_class_among_many_is_seen(rng):
    z, y = cloud(rng.normal(size=(40, 16)), 20, 0.5, rng)
    z[y == 31] += rng.normal(size=(20, 16))
    loosest = max(gramax.audit(z, y).classes, key=lambda view: view.within)
    assert loosest.name == "31"


@pytest.mark.parametrize(
    ("name", "kind"), [("cone", "amiss"), ("thin", "healthy"), ("random", "healthy")]
)
def test_without_labels_a_cone_is_told_and_rank_alone_is_no_disease(rng, name, kind):
    unlabelled = gramax.audit(SPACES[name][0](rng)[0])
    assert unlabelled.diagnosis.kind == kind
    assert ("Subtract the mean" in unlabelled.diagnosis.advice) == (name == "cone")
    assert unlabelled.to_dict()["headroom"] is None
    assert all("class" not in line for line in gramax.audit(rng.normal(size=(1, 4))).warnings)


@pytest.mark.parametrize(("c", "d"), [(6, 3), (3, 8)])
def test_simplex_floor_is_a_floor_that_descent_attains(c, d):
    x = jax.random.normal(jax.random.key(0), (c, d))
    x = jax.lax.fori_loop(0, 3000, lambda _, x: gramax.simplex_step(x, lr=0.05 * c), x)
    error = float(gramax.simplex_error(x))
    assert error >= simplex_floor(c, d) - 1e-5
    assert error == pytest.approx(simplex_floor(c, d), abs=2e-3)


@pytest.mark.parametrize(("n", "d"), [(700, 256), pytest.param(2000, 768, marks=pytest.mark.slow)])
def test_noise_earns_nothing(rng, n, d):
    report = gramax.audit(rng.normal(size=(n, d)), np.arange(n) % 10, portrait=False)
    assert "good" not in {answer.status for answer in report.answers}
    assert report.diagnosis.kind == "random"


def test_classes_that_overlap_are_not_tight_and_many_far_ones_are(rng):
    y = np.arange(1000) % 2
    two = rng.normal(size=(1000, 8)) + 2.5 * y[:, None] * np.eye(8)[0]
    assert not gramax.audit(two, y, raw=True).diagnosis.text.startswith("Collapsed well")
    z, y = cloud(rng.normal(size=(200, 64)), 5, 0.05, rng)
    assert {a.question: a.status for a in gramax.audit(z, y).answers}["collapse"] == "good"


def test_a_large_class_is_no_cone_but_is_named(rng):
    y = np.concatenate([np.zeros(850, int), 1 + np.arange(150) % 9])
    z = simplex(10, D)[y] + 0.05 * rng.normal(size=(1000, D)) / np.sqrt(D)
    told = gramax.audit(z, y, portrait=False).diagnosis
    assert told.kind == "neural-collapsed"
    assert "0 holds 85 % of the rows" in told.text
    assert "share a direction" not in told.text
