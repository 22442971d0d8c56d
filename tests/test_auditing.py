"""`audit`: the same numbers from arrays and files, however cut, in a form for machines."""

import json

import jax
import numpy as np
import pytest

import gramax
from gramax.audits.audit import audit_moments
from gramax.audits.report import ROW_QUESTIONS
from gramax.errors import InputError
from gramax.metrics.registry import METRICS
from gramax.uncertainty.chance.laws import REFERENCES
from tests import transcription as seed
from tests.test_seed import clouds

Z, Y = clouds(7, 300, 12, 4)
CENTRED = Z - np.stack([Z[k == Y].mean(axis=0) for k in range(4)])[Y]


@pytest.fixture(scope="module")
def report():
    return gramax.audit(Z, Y)


@pytest.fixture(scope="module")
def raw():
    return gramax.audit(Z, Y, raw=True)


def test_numbers_are_those_of_the_seed(report, raw):
    means = seed.class_means(Z, Y, 4)
    expected = {
        "collapse_ratio": seed.collapse_ratio(Z, Y, 4),
        "within_class_variance": seed.within_class_variance(Z, Y, 4),
        "effective_rank": seed.effective_rank(seed.unit(Z)),
        "class_simplex_error": seed.simplex_error(means),
        "class_coherence": seed.coherence(means),
        "class_welch_gap": seed.welch_gap(means),
    }
    assert {name: report[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert (report.n, report.d, report.c) == (300, 12, 4)
    assert raw["effective_rank"] == pytest.approx(seed.effective_rank(Z), rel=1e-5)
    assert raw["within_class_variance"] == pytest.approx((CENTRED**2).sum(1).mean(), rel=1e-5)


def test_without_labels_answers_what_needs_none():
    report = gramax.audit(Z)
    assert report.c == 0
    assert np.isfinite(report["effective_rank"])
    assert np.isnan(report["collapse_ratio"])
    assert "labels" in report.numbers["collapse_ratio"].reason
    assert {a.question for a in report.answers} == {"rank", *ROW_QUESTIONS}
    assert "annot be told" not in str(report)
    assert report.worst_pairs == ()
    for metric in report.to_dict()["metrics"].values():
        assert (metric["value"] is None) == bool(metric["reason"])
    with pytest.raises(KeyError, match=r"no metric 'rank'; did you mean .*rank"):
        report["rank"]
    assert "rank" not in report


def test_names_as_they_are_shown_and_the_report_printed():
    report = gramax.audit(Z, Y)
    assert report["coherence"] == report["class_coherence"]
    assert report["simplex error centred"] == report["class_simplex_error_centred"]
    assert "coherence" in report
    assert "coherence" not in list(report)
    said = str(report)
    assert said == repr(report)
    assert report.diagnosis.text in " ".join(said.split())
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= 110


def test_codes_are_a_codebook():
    book = seed.unit(np.random.default_rng(0).normal(size=(10, 32)))
    report = gramax.audit(book, list("abcdefghij"), codes=True)
    assert report.c == 10
    assert report["class_coherence"] == pytest.approx(seed.coherence(book), rel=1e-6)
    assert "single row" in report.numbers["collapse_ratio"].reason
    pair = report.worst_pairs[0]
    a, b = "abcdefghij".index(pair.a), "abcdefghij".index(pair.b)
    assert pair.cosine == pytest.approx(book[a] @ book[b], abs=1e-6)
    assert abs(pair.cosine) == pytest.approx(seed.coherence(book), rel=1e-6)
    again = gramax.audit(book, [*"abcdefgh", "a", None], codes=True)
    assert [view.name for view in again.classes] == [*"abcdefgh", "a (row 8)", "row 9"]


def test_json_has_the_layout_and_no_nan():
    data = gramax.audit(Z, np.where(Y == 3, -1, Y)).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["schema"], data["c"]) == (1, 3)
    assert data["left_out"]["ignored_label"] == int((Y == 3).sum())
    assert {"a", "b", "cosine"} == set(data["worst_pairs"][0])
    asked = [v["question"] for v in data["verdict"]]
    assert asked == ["collapse", "rank", "simplex", "crosstalk", "reach"]


def test_class_views_add_up(report):
    assert sum(view.count for view in report.classes) == 300
    assert sum(view.share for view in report.classes) == pytest.approx(1)
    means = seed.class_means(Z, Y, 4)
    cosines = means @ means.T - 2 * np.eye(4)
    for k, view in enumerate(report.classes):
        assert view.nearest == str(cosines[k].argmax())
        assert view.cosine == pytest.approx(cosines[k].max(), abs=1e-6)


def test_explained_numbers_have_chance_and_error_bars(report):
    data = gramax.audit(Z, Y, explain=True).to_dict()["metrics"]
    # These rows have no noise that a spectrum could be held against.
    held_against_nothing = {m.name for m in METRICS if m.spectrum and not m.labels}
    held_against_nothing |= {"mean_cosine"}
    for name, entry in data.items():
        if entry["value"] is not None:
            assert entry["value"] == pytest.approx(report[name], rel=1e-6, abs=1e-9), name
            assert ("chance" in entry) == (name not in held_against_nothing), name
            about = entry.get("chance", {"method": "-", "reference": "isotropic"})
            assert about["method"], name
            assert about["reference"] in REFERENCES, name
    error = data["scatter_ratio"]["error"]
    assert error["low"] < data["scatter_ratio"]["value"] < error["high"]
    assert data["scatter_ratio"]["chance"]["mean"] == pytest.approx(296 / 299)
    for name in ("class_coherence", "two_nn"):
        assert data[name]["error"]["standard"] > 0
        assert "too large" in data[name]["error"]["reason"]


def test_raw_carries_every_metric_that_rows_and_labels_allow(raw):
    of_rows = {m.name for m in METRICS.everything() if "codes" not in m.needs}
    assert of_rows - set(raw) == {
        "alignment",  # positive pairs
        "nc3_self_duality",  # a classifier
        "nc3_uniform_duality",
        "nc4_agreement",
        "nc5_orthogonality",  # rows of no class
        "nrc1",  # continuous targets
    }
    assert [name for name in raw if np.isnan(raw[name])] == []


def test_options_are_recorded_with_the_numbers_that_they_change(raw):
    macro = gramax.audit(Z, Y, raw=True, options=gramax.Options(weighting="macro"))
    assert macro["scatter_ratio"] != raw["scatter_ratio"]
    data = macro.to_dict()
    assert data["options"]["weighting"] == "macro"
    assert data["metrics"]["scatter_ratio"]["options"] == {"weighting": "macro"}
    assert data["metrics"]["effective_rank"]["options"] == {}


def test_rows_left_out_are_told_by_reason():
    """Under jit a label out of range, or a row that is not finite, is left out and counted."""
    gathered = jax.jit(lambda z, y: gramax.ClassMoments.of(z, y, 4))
    z = np.concatenate([Z[:4], np.full((1, 12), np.nan, np.float32), 0 * Z[:1]])
    found = audit_moments(gathered(z, np.array([0, 9, -7, -1, 1, 2])))
    expected = {"ignored_label": 1, "label_out_of_range": 2, "not_finite_row": 1, "zero_row": 1}
    assert found.left_out == expected
    with pytest.raises(
        InputError, match=r"no row is left to audit \(2 with a label beyond the classes\)"
    ):
        audit_moments(gathered(z[1:3], np.array([9, 8])))


def test_rows_fewer_than_dimensions_give_what_their_products_say():
    """48 rows in 512 dimensions are turned into the space that they span: no number changes."""
    z = np.random.default_rng(0).normal(size=(48, 512)).astype(np.float32)
    found = gramax.audit(z, np.arange(48) % 4, raw=True, explain=True)
    sigma = np.linalg.svd(z.astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    squares = np.linalg.svd(z - z.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    expected = {
        "rankme": np.exp(-(p * np.log(p)).sum()),
        "stable_rank": (sigma**2).sum() / sigma[0] ** 2,
        "nesum": squares.sum() / squares[0],
        "isoscore": (squares.sum() ** 2 / (squares**2).sum() - 1) / 511,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found.d == 512
    assert found.numbers["effective_rank"].error is not None
