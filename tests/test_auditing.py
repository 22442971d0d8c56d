"""`audit`: the same numbers from arrays and files, however cut, in a form for machines."""

import json

import jax
import numpy as np
import pytest

import gramax
from gramax.audits.audit import _left_out, audit_moments
from gramax.errors import InputError
from gramax.streaming import tasks
from tests import transcription as seed
from tests.numbers import SAME
from tests.test_seed import clouds

Z, Y = clouds(7, 300, 12, 4)
NAMES = np.array(["ant", "bee", "cat", "dog"])


def values(report):
    return {name: report[name] for name in report}


def test_numbers_are_those_of_the_seed_on_the_sphere():
    report = gramax.audit(Z, Y)
    unit = seed.unit(Z)
    means = seed.class_means(Z, Y, 4)
    expected = {
        "collapse_ratio": seed.collapse_ratio(Z, Y, 4),
        "within_class_variance": seed.within_class_variance(Z, Y, 4),
        "effective_rank": seed.effective_rank(unit),
        "class_simplex_error": seed.simplex_error(means),
        "class_coherence": seed.coherence(means),
        "class_welch_gap": seed.welch_gap(means),
    }
    for name, value in expected.items():
        assert report[name] == pytest.approx(value, rel=1e-5), name
    assert (report.n, report.d, report.c) == (300, 12, 4)


def test_raw_skips_the_normalisation():
    report = gramax.audit(Z, Y, raw=True)
    assert report["effective_rank"] == pytest.approx(seed.effective_rank(Z), rel=1e-5)
    centred = Z - np.stack([Z[k == Y].mean(axis=0) for k in range(4)])[Y]
    assert report["within_class_variance"] == pytest.approx((centred**2).sum(1).mean(), rel=1e-5)


def test_chunks_do_not_change_the_numbers(monkeypatch):
    whole = values(gramax.audit(Z, Y))
    monkeypatch.setattr(tasks, "sizes", lambda n, c, d, blocks: tasks.Sizes(77, 150))
    cut = gramax.audit(Z, Y)
    for name, value in whole.items():
        np.testing.assert_allclose(cut[name], value, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "parquet"])
def test_files_give_what_arrays_give(kind, tmp_path):
    path = tmp_path / f"z.{kind}"
    labels = "label"
    if kind == "npy":
        np.save(path, Z)
        labels = str(tmp_path / "y.npy")
        np.save(labels, NAMES[Y])
    elif kind == "npz":
        np.savez(path, embeddings=Z, label=NAMES[Y])
    elif kind == "safetensors":
        from safetensors.numpy import save_file

        save_file({"embeddings": Z, "label": Y}, path)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"emb": list(Z), "label": NAMES[Y]})
        pq.write_table(table, path)
    got, expected = gramax.audit(path, labels), gramax.audit(Z, NAMES[Y])
    close = max(SAME["rtol"], 1e-9)
    assert values(got) == pytest.approx(values(expected), rel=close, nan_ok=True)
    if kind != "safetensors":
        assert {got.worst_pairs[0].a, got.worst_pairs[0].b} <= set(NAMES)


def test_without_labels_answers_what_needs_none():
    report = gramax.audit(Z)
    assert report.c == 0
    assert np.isfinite(report["effective_rank"])
    assert np.isnan(report["collapse_ratio"])
    assert "labels" in report.numbers["collapse_ratio"].reason
    status = {a.question: a.status for a in report.answers}
    assert status["collapse"] == status["crosstalk"] == "open"
    assert status["rank"] != "open"
    assert report.worst_pairs == ()


def test_codes_are_a_codebook():
    book = seed.unit(np.random.default_rng(0).normal(size=(10, 32)))
    report = gramax.audit(book, codes=True)
    assert report.c == 10
    assert report["class_coherence"] == pytest.approx(seed.coherence(book), rel=1e-6)
    assert np.isnan(report["collapse_ratio"])
    assert "single row" in report.numbers["collapse_ratio"].reason
    named = gramax.audit(book, list("abcdefghij"), codes=True)
    cosines = book @ book.T
    pair = named.worst_pairs[0]
    a, b = "abcdefghij".index(pair.a), "abcdefghij".index(pair.b)
    assert pair.cosine == pytest.approx(cosines[a, b], abs=1e-6)
    assert abs(pair.cosine) == pytest.approx(seed.coherence(book), rel=1e-6)
    with pytest.raises(InputError, match="class of its own"):
        gramax.audit(book, [0] * 10, codes=True)


def test_json_has_the_layout_and_no_nan():
    data = gramax.audit(Z, np.where(Y == 3, -1, Y)).to_dict()
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text) == data
    assert data["schema"] == 1
    assert data["c"] == 3
    assert data["left_out"]["ignored_label"] == int((Y == 3).sum())
    assert {"a", "b", "cosine"} == set(data["worst_pairs"][0])
    assert [v["question"] for v in data["verdict"]] == [
        "collapse",
        "rank",
        "simplex",
        "crosstalk",
        "reach",
    ]
    unlabelled = gramax.audit(Z).to_dict()["metrics"]
    for metric in unlabelled.values():
        assert (metric["value"] is None) == bool(metric["reason"])


def test_class_views_add_up():
    report = gramax.audit(Z, Y)
    assert sum(view.count for view in report.classes) == 300
    assert sum(view.share for view in report.classes) == pytest.approx(1)
    means = seed.class_means(Z, Y, 4)
    cosines = means @ means.T - 2 * np.eye(4)
    for k, view in enumerate(report.classes):
        assert view.nearest == str(cosines[k].argmax())
        assert view.cosine == pytest.approx(cosines[k].max(), abs=1e-6)


def test_many_classes_go_through_tiles(monkeypatch):
    from gramax.arrays import pairs

    book = np.random.default_rng(1).normal(size=(40, 16))
    whole = gramax.audit(book, codes=True)
    monkeypatch.setattr(pairs, "TILE_SIDE", 16)
    tiled = gramax.audit(book, codes=True)
    assert tiled.worst_pairs == whole.worst_pairs
    assert values(tiled) == pytest.approx(values(whole), rel=1e-9, nan_ok=True)
    assert [v.nearest for v in tiled.classes] == [v.nearest for v in whole.classes]


def test_float64_input_keeps_its_digits():
    z = Z.astype(np.float64) * 1e-9 + 1.0
    report = gramax.audit(z, Y, raw=True)
    rows = Z.astype(np.float64)
    centred = rows - np.stack([rows[k == Y].mean(axis=0) for k in range(4)])[Y]
    ratio = (centred**2).sum() / ((rows - rows.mean(axis=0)) ** 2).sum()
    assert report["scatter_ratio"] == pytest.approx(ratio, rel=1e-5)


def test_an_unknown_metric_is_named():
    with pytest.raises(KeyError, match="no metric 'rank'"):
        gramax.audit(Z)["rank"]


def test_explained_numbers_have_chance_and_error_bars():
    data = gramax.audit(Z, Y, explain=True).to_dict()
    plain = gramax.audit(Z, Y)
    json.dumps(data, allow_nan=False)
    for name, entry in data["metrics"].items():
        if entry["value"] is None:
            continue
        assert entry["value"] == pytest.approx(plain[name], rel=1e-6, abs=1e-9), name
        assert entry["chance"]["method"], name
    error = data["metrics"]["scatter_ratio"]["error"]
    assert error["low"] < data["metrics"]["scatter_ratio"]["value"] < error["high"]
    for name in ("class_coherence", "two_nn"):
        bar = data["metrics"][name]["error"]
        assert bar["standard"] > 0
        assert "too large" in bar["reason"]
    assert data["metrics"]["class_coherence"]["error"]["reason"]
    assert data["metrics"]["scatter_ratio"]["chance"]["mean"] == pytest.approx(296 / 299)


def test_raw_carries_every_metric_that_rows_and_labels_allow():
    from gramax.metrics.registry import METRICS

    there = gramax.audit(Z, Y, raw=True)
    lacking = {m.name for m in METRICS.everything()} - set(there)
    assert lacking == {
        "alignment",  # positive pairs
        "nc3_self_duality",  # a classifier
        "nc3_uniform_duality",
        "nc4_agreement",
        "nc5_orthogonality",  # rows of no class
    }
    assert [name for name in there if np.isnan(there[name])] == []


def test_rows_of_chance_look_like_chance():
    from gramax.uncertainty.rows import chance_of_rows, measure_rows

    rows = np.random.default_rng(5).normal(size=(400, 10))
    random = chance_of_rows(400, 10, True)
    found = measure_rows(rows, True)
    assert set(found) == set(random)
    assert len(found) == 5
    for name, (value, reason) in found.items():
        assert reason is None
        assert abs(random[name].z(value)) < 4, name


def test_options_are_recorded_with_the_numbers_that_they_change():
    macro = gramax.audit(Z, Y, raw=True, options=gramax.Options(weighting="macro"))
    plain = gramax.audit(Z, Y, raw=True)
    assert macro["scatter_ratio"] != plain["scatter_ratio"]
    data = macro.to_dict()
    assert data["options"]["weighting"] == "macro"
    assert data["metrics"]["scatter_ratio"]["options"] == {"weighting": "macro"}
    assert data["metrics"]["effective_rank"]["options"] == {}


def test_rows_left_out_are_told_by_reason():
    """Under jit a label out of range, or a row that is not finite, is left out and counted."""
    gathered = jax.jit(lambda z, y: gramax.ClassMoments.of(z, y, 4))
    z = np.concatenate([Z[:4], np.full((1, 12), np.nan, np.float32), 0 * Z[:1]])
    moments = gathered(z, np.array([0, 9, -7, -1, 1, 2]))
    expected = {"ignored_label": 1, "label_out_of_range": 2, "not_finite_row": 1, "zero_row": 1}
    assert _left_out(moments) == expected
    none = gathered(z[1:3], np.array([9, 8]))
    with pytest.raises(InputError, match=r"no row is left to audit \(2 label out of range\)"):
        audit_moments(none, "abcd")


def test_rows_fewer_than_dimensions_give_what_their_products_say():
    """48 rows in 2,048 dimensions are turned into the space that they span: no number changes."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(48, 2048)).astype(np.float32)
    found = gramax.audit(z, np.arange(48) % 4, raw=True, explain=True)
    sigma = np.linalg.svd(z.astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    assert found["rankme"] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert found["stable_rank"] == pytest.approx((sigma**2).sum() / sigma[0] ** 2, rel=1e-6)
    centred = np.linalg.svd(z - z.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    assert found["nesum"] == pytest.approx(centred.sum() / centred[0], rel=1e-6)
    assert found["isoscore"] == pytest.approx(
        (centred.sum() ** 2 / (centred**2).sum() - 1) / 2047, rel=1e-6
    )
    assert found.d == 2048
    assert found.numbers["effective_rank"].error is not None
