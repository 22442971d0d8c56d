"""What held-out rows say of the classes: references, spaces of known worth, and coverage."""

import json
from itertools import permutations

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import gramax
from gramax.arrays.nearest import nearest_on_host
from gramax.arrays.rows import unit_rows
from gramax.audits.verdict import tell_worth
from gramax.cli import main
from gramax.moments import BlockMoments, ClassMoments
from gramax.moments.blocks import blocks_of, dealt
from gramax.uncertainty import probes
from gramax.uncertainty.probes import explained, labels_nearby, tied_rows, worth_of

SEED = 3


def clouds(n, c, d, gap, rng, heavy=False, zipf=False):
    """Rows around random centres, and more of them from the same law."""
    centres = gap * rng.standard_normal((c, d))
    share = 1 / np.arange(1, c + 1) if zipf else np.ones(c)

    def draw(m):
        y = rng.choice(c, m, p=share / share.sum())
        z = rng.standard_normal((m, d))
        return centres[y] + (z / np.sqrt(rng.chisquare(3, (m, 1)) / 3) if heavy else z), y

    return *draw(n), draw


KINDS = ((False, False), (True, False), (True, True))
"""Whether tails are heavy, and sizes of classes Zipf's."""


def held_out(z, y, c, normalize=True):
    blocks = BlockMoments.empty(c, z.shape[1], blocks=20, normalize=normalize).update(z, y)
    u = unit_rows(z) if normalize else z
    near = np.sum((u[:, None] - u[None]) ** 2, axis=2) + np.diag(np.full(len(u), np.inf))
    return worth_of(
        blocks.parts, z, y, blocks_of(np.arange(len(z)), 20), y[np.argmin(near, axis=1)]
    )


@pytest.mark.parametrize(("normalize", "offset"), [(True, 0.0), (False, 0.0), (False, 1e4)])
def test_folds_are_those_of_a_reference(normalize, offset, monkeypatch):
    """Classifiers made anew from the rows of the other folds, by scikit-learn and by definition."""
    monkeypatch.setattr(probes, "STRENGTHS", (0.1,))
    rng = np.random.default_rng(SEED)
    z, y, _ = clouds(300, 4, 6, 0.8, rng)
    z = z + offset
    found = held_out(z, y, 4, normalize)
    u = unit_rows(z) if normalize else z - offset  # which changes no distance
    fold, mean, linear = dealt(0, len(z), 20, 0), [], []
    for f in range(20):
        x, t = u[fold != f], y[fold != f]
        means = np.stack([x[t == k].mean(0) for k in range(4)])
        near = np.argmin(np.sum((u[fold == f][:, None] - means) ** 2, axis=2), axis=1)
        mean += list(near == y[fold == f])
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(x, t)
        linear.append(np.mean(model.predict(u[fold == f]) == y[fold == f]))
    assert found.nearest_mean.accuracy == pytest.approx(np.mean(mean), abs=1e-12)
    sizes = np.bincount(fold)
    # scikit-learn shrinks each class alone, and the probe may be ridge regression where that is
    # better on the other folds: near each other, not the same.
    assert found.probe.accuracy == pytest.approx(np.average(linear, weights=sizes), abs=0.03)
    assert found.largest == np.bincount(y).max() / len(y)
    assert found.chance == pytest.approx(np.sum((np.bincount(y) / len(y)) ** 2))


KNOWN = {
    "noise": ("poor", 256, 0.0, 300),
    "far apart": ("good", 32, 3.0, 500),
    "fewer rows than dimensions": ("good", 2048, 1.0, 100),
    "in part": ("fair", 16, 0.4, 2000),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_spaces_of_known_worth(kind):
    status, d, gap, n = KNOWN[kind]
    z, y, _ = clouds(n, 5, d, gap, np.random.default_rng(SEED))
    report = gramax.audit(z, y, portrait=False)
    assert tell_worth(report)[0] == status
    assert "rows held out" in tell_worth(report)[1]


def test_classes_that_neighbours_alone_tell_apart_are_told_apart():
    rng = np.random.default_rng(SEED)
    corner = rng.integers(0, 4, 800)
    centres = np.array([[5, 5], [-5, -5], [5, -5], [-5, 5]])
    report = gramax.audit(centres[corner] + rng.standard_normal((800, 2)), corner // 2, raw=True)
    assert report.worth.nearest_mean.high < 0.7
    assert report.worth.nearest_neighbour.low > 0.99
    assert tell_worth(report)[0] == "good"


def test_no_class_of_two_rows_has_no_worth():
    z = np.random.default_rng(SEED).standard_normal((6, 3))
    assert gramax.audit(z, np.arange(6)).worth is None
    assert gramax.audit(z, np.zeros(6, int)).worth is None
    assert gramax.audit(z).worth is None
    assert gramax.audit(z, [0, 0, 0, 1, 1, 1], probe=False).to_dict()["worth"] is None
    assert gramax.audit(np.ones((6, 3)), [0, 0, 0, 1, 1, 1]).worth.nearest_neighbour is None


def test_rows_that_train_each_other_count_for_fewer_by_definition():
    """Every pair of folds left out anew, of classifiers and of neighbours."""
    z, y, _ = clouds(90, 3, 4, 0.5, np.random.default_rng(SEED))
    u, fold = unit_rows(z), dealt(0, 90, 6, 0)
    groups = [ClassMoments.of(z[fold == f], y[fold == f], 3) for f in range(6)]

    def right(f, without):  # rows of f that are right without these folds
        kept = ~np.isin(fold, without)
        means = np.stack([u[kept & (y == k)].mean(0) for k in range(3)])
        far = np.sum((u[fold == f, None] - means) ** 2, axis=2)
        return np.sum(np.argmin(far, axis=1) == y[fold == f])

    def near(f, without):
        kept = np.flatnonzero(~np.isin(fold, without))
        return np.sum(y[kept[np.argmax(u[fold == f] @ u[kept].T, axis=1)]] == y[fold == f])

    def tied(count):
        gain = {
            (f, g): count(f, [f]) * 1.0 - count(f, [f, g]) for f, g in permutations(range(6), 2)
        }
        return max(0, sum(gain[f, g] * gain[g, f] for f, g in gain)) / 90

    assert tied_rows(groups, z, y, fold, 0)[0] == pytest.approx(tied(right), abs=1e-12)
    found, of_neighbours = labels_nearby(z, y, fold, True, nearest_on_host(z, 60, True)[0])
    assert sum(near(f, [f]) for f in range(6)) == np.sum(found == y)
    assert of_neighbours == pytest.approx(tied(near), abs=1e-12)
    assert min(tied(right), of_neighbours) > 0


@pytest.mark.parametrize(
    ("draws", "heavy", "zipf"),
    [
        (40, True, True),
        *(pytest.param(300, *one, marks=pytest.mark.slow) for one in KINDS),
    ],
)
def test_intervals_cover_the_accuracy_on_new_rows(draws, heavy, zipf):
    rng, hits = np.random.default_rng(SEED), np.zeros(3)
    for _ in range(draws):
        z, y, draw = clouds(60, 4, 8, 0.6, rng, heavy, zipf)  # of few rows it is hardest
        found, (fresh, right) = held_out(z, y, 4), draw(4000)
        u, fresh = unit_rows(z), unit_rows(fresh)
        means = np.stack([u[y == k].mean(0) if np.any(y == k) else np.full(8, 9) for k in range(4)])
        far = np.sum((fresh[:, None] - means) ** 2, axis=2)
        there = np.unique(y)
        true = (
            np.mean(there[np.argmax(fresh @ found.head.weights.T + found.head.bias, 1)] == right),
            np.mean(np.argmin(far, axis=1) == right),
            np.mean(y[np.argmax(fresh @ u.T, axis=1)] == right),
        )
        for k, (one, value) in enumerate(zip(found.outcomes.values(), true, strict=True)):
            hits[k] += one.low <= value <= one.high
    fewest = stats.binom.ppf(0.001, draws, 0.92)
    assert np.all(hits >= fewest), hits / draws


@pytest.mark.parametrize("d", [8, 300])
def test_the_head_is_saved(d, tmp_path, capsys):
    z, y, draw = clouds(120, 3, d, 1.0, np.random.default_rng(SEED))
    np.save(tmp_path / "z.npy", z)
    np.save(tmp_path / "y.npy", np.array(["a", "b", "c"])[y])
    out = tmp_path / "head.safetensors"
    audit = ["audit", f"{tmp_path}/z.npy", "--save-head", f"{out}"]
    assert main([*audit, "--labels", f"{tmp_path}/y.npy"]) == 0
    assert "told apart" in capsys.readouterr().out
    head = load_file(out)
    assert head["weights"].shape == (3, d)
    fresh, right = draw(500)
    named = np.argmax(unit_rows(fresh) @ head["weights"].T + head["bias"], axis=1)
    assert np.mean(named == right) > 0.9
    size = int.from_bytes(out.read_bytes()[:8], "little")
    about = json.loads(out.read_bytes()[8 : 8 + size])["__metadata__"]
    assert json.loads(about["classes"]) == ["a", "b", "c"]
    assert main(audit) == 2
    assert "--save-head needs --labels" in capsys.readouterr().err


def test_few_shots_and_logistic_regression():
    y = np.arange(120) % 3
    points = explained(np.eye(3)[y], y, True)
    assert {name: one.accuracy for name, one in points.items()} == dict.fromkeys(points, 1.0)
    assert set(points) == {"1_shot", "5_shot", "20_shot", "logistic"}
    noise = explained(
        np.random.default_rng(SEED).standard_normal((600, 20)), np.arange(600) % 2, True
    )
    assert all(abs(one.accuracy - 0.5) < 0.06 for one in noise.values()), noise


def test_means_merge_only_where_rows_of_one_law_would():
    """1 + 3√2 is the bound of one dimension: it called these far classes merged."""
    rng = np.random.default_rng(SEED)
    y = np.repeat(np.arange(100), 5)
    z = 0.5 * rng.standard_normal((100, 128))[y] + rng.standard_normal((500, 128))
    assert gramax.audit(z, y, portrait=False).merged == ()
    y, z = np.repeat([0, 1], 50), rng.standard_normal((100, 2048))
    z[:50, 0] += 14
    assert gramax.audit(z, y, portrait=False).merged == ()
    same = gramax.audit(rng.standard_normal((4000, 32)), np.arange(4000) % 20, portrait=False)
    assert len({name for pair in same.merged for name in (pair.a, pair.b)}) >= 18
