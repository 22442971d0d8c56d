"""What comes with the rows: a classifier's head, the other rows of pairs, and outliers."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax._files import write_safetensors
from gramax.audits.attachments import random_alignment
from gramax.cli import main
from gramax.data import Reading
from gramax.errors import InputError
from gramax.streaming import tasks

pytestmark = pytest.mark.usefixtures("read_here")

N, D, C = 400, 12, 5
NAMES = ["ant", "bee", "cat", "dog", "eel"]


def rows(seed=0, n=N, d=D):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, C, n)
    return 3 * rng.normal(size=(C, d))[y] + rng.normal(size=(n, d)) + 2, y


def means_of(z, y):
    return np.stack([z[y == k].mean(axis=0) for k in np.unique(y)])


def unit(z):
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def nearest_mean_rule(means):
    return 2 * means, -np.sum(means**2, axis=1)


def duality(weights, means):
    means = means - means.mean(axis=0)
    return np.linalg.norm(weights / np.linalg.norm(weights) - means / np.linalg.norm(means))


@pytest.mark.parametrize("raw", [False, True])
def test_a_head_is_held_against_the_rows_that_it_receives(raw):
    z, y = rows()
    weights, bias = nearest_mean_rule(means_of(z, y))
    names = np.array(NAMES)[y].tolist()
    found = gramax.audit(z, names, head=weights, bias=bias, raw=raw, probe=False)
    assert found["nc4_agreement"] == 1.0
    assert found["nc3_self_duality"] == pytest.approx(duality(weights, means_of(z, y)), abs=1e-12)
    assert gramax.audit(z, names, head=weights, bias=0 * bias)["nc4_agreement"] < 0.9
    other = np.roll(np.arange(C), 1)  # a head whose rows stand in another order
    turned = gramax.audit(z, names, head=weights[other], bias=bias[other], probe=False)
    assert turned["nc4_agreement"] == 0.0


def test_a_head_is_read_as_it_is_where_the_rows_are_transposed():
    z, y = rows()
    weights, bias = nearest_mean_rule(means_of(z, y))
    given: dict[str, Any] = {"head": weights, "bias": bias, "pairs": -z.T}
    found = gramax.audit(z.T, y, **given, reading=Reading(transpose=True), probe=False)
    assert found["nc4_agreement"] == 1.0
    assert found["alignment"] == pytest.approx(4.0)


def test_rows_of_a_head_are_found_by_number_where_classes_are_missing():
    z, y = rows()
    weights, bias = nearest_mean_rule(means_of(z, y))
    some = (y == 1) | (y == 3)
    found = gramax.audit(z[some], y[some], head=weights, bias=bias, probe=False)
    mean = means_of(z[some], y[some])
    chosen = np.argmax(z[some] @ weights.T + bias, axis=1)
    near = np.array([1, 3])[np.argmin(((z[some][:, None] - mean) ** 2).sum(axis=2), axis=1)]
    assert found["nc4_agreement"] == np.mean(chosen == near)
    assert found["nc3_self_duality"] == pytest.approx(duality(weights[[1, 3]], mean), abs=1e-12)
    assert any("label k is its row k" in note for note in found.warnings)


def test_the_head_that_an_audit_saves_is_taken_as_it_was_made(tmp_path, capsys):
    z, y = rows()
    np.save(tmp_path / "z.npy", z)
    labels = np.array(NAMES)[y]
    (tmp_path / "y.txt").write_text("\n".join(labels))
    given, head = (
        [f"{tmp_path}/z.npy", "--labels", f"{tmp_path}/y.txt"],
        f"{tmp_path}/h.safetensors",
    )
    assert main(["audit", *given, "--save-head", head]) == 0
    worth = gramax.audit(z, labels.tolist()).worth
    assert worth
    probe = worth.head
    chosen = np.argmax(unit(z) @ probe.weights.T + probe.bias, axis=1)
    mean = means_of(unit(z), y)
    near = np.argmin(((unit(z)[:, None] - mean) ** 2).sum(axis=2), axis=1)
    capsys.readouterr()
    assert main(["audit", *given, "--head", head, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["nc4_agreement"]["value"] == np.mean(chosen == near)
    # A file whose classes stand in another order is read by their names.
    order = [3, 1, 4, 0, 2]
    arrays = {"fc.weight": probe.weights[order], "fc.bias": probe.bias[order]}
    about = {"classes": json.dumps([NAMES[k] for k in order]), "normalize": "true"}
    write_safetensors(head, arrays, about)
    again = gramax.audit(z, labels.tolist(), head=f"{head}::fc.weight")
    assert again["nc4_agreement"] == np.mean(chosen == near)
    assert f"the bias of the head is {head}::fc.bias" in again.warnings


def test_of_more_rows_than_are_kept_the_means_are_still_of_all(monkeypatch):
    z, y = rows(n=3000)
    weights, bias = nearest_mean_rule(means_of(z, y))
    weights = weights + 0.3 * np.random.default_rng(1).normal(size=weights.shape)
    known = gramax.audit(z, y, head=weights, bias=bias, outliers=-z[:50], probe=False)
    monkeypatch.setattr(tasks, "MAX_SAMPLED_ROWS", 500)
    monkeypatch.setattr(tasks, "SAMPLED_ROWS", 500)
    found = gramax.audit(z, y, head=weights, bias=bias, outliers=-z[:50], pairs=-z, probe=False)
    for name in ("nc3_self_duality", "nc3_uniform_duality", "nc5_orthogonality"):
        assert found[name] == pytest.approx(known[name], abs=1e-12)
    assert found["nc4_agreement"] == pytest.approx(known["nc4_agreement"], abs=0.07)
    assert found["alignment"] == pytest.approx(4.0)
    assert any("nc4_agreement is of a random sample of 500 rows" in w for w in found.warnings)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("d", [D, 600])  # rows fewer than their dimensions, too
def test_outliers_are_taken_as_the_rows_are(raw, d):
    z, y = rows(d=d)
    out = rows(seed=3, n=30, d=d)[0] + 5
    found = gramax.audit(z, y, outliers=out, raw=raw, probe=False)
    turn = (lambda x: x) if raw else unit
    cosines = unit(means_of(turn(z), y)) @ unit(turn(out).mean(axis=0))
    assert found["nc5_orthogonality"] == pytest.approx(np.mean(np.abs(cosines)), abs=1e-12)


def test_pairs_are_held_against_pairs_at_random(tmp_path):
    x, y = rows()
    rng = np.random.default_rng(2)
    other = x + 2 * rng.normal(size=x.shape)
    columns = {"a": list(x), "b": list(other)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    y[:7] = -1
    path = f"{tmp_path}/t.parquet"
    found = gramax.audit(path, y, column="a", pairs=f"{path}::b", probe=False)
    x, other = unit(x)[7:], unit(other)[7:]
    assert found["alignment"] == pytest.approx(np.mean(np.sum((x - other) ** 2, axis=1)))
    drawn = [np.mean(np.sum((x - rng.permutation(other)) ** 2, axis=1)) for _ in range(2000)]
    law = found.numbers["alignment"].chance
    assert law
    assert law.mean == pytest.approx(np.mean(drawn), abs=4 * law.sd / np.sqrt(2000))
    assert law.sd == pytest.approx(np.std(drawn), rel=0.07)
    assert random_alignment(x[:1], other[:1]).mean != random_alignment(x[:1], other[:1]).mean


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bias": np.zeros(C)}, "give --head too"),
        ({"head": np.ones((C, D)), "labels": None}, "give --labels too"),
        ({"outliers": np.ones((C, D)), "labels": None}, "give --labels too"),
        ({"head": np.ones((C, D)), "codes": True}, "leave --codes out"),
        ({"head": np.ones((D, C))}, r"\[12, 5\].*\[classes, 12\].*numpy.save\('head.npy', W.T\)"),
        (
            {"head": np.ones((C - 1, D))},
            r"\[4, 12\] for 5 classes \(0, 1, 2 …\).*order of their names",
        ),
        ({"head": np.ones((C, D)), "bias": np.ones(4)}, r"bias of shape \[4\].*must be \[5\]"),
        ({"head": np.ones((C, D)), "bias": np.full(C, np.nan)}, "finite"),
        ({"head": np.full((C, D), np.nan)}, "row 0"),
        ({"pairs": np.ones((N - 1, D))}, "399 rows for the 400"),
        ({"pairs": np.ones((N, D + 1))}, "13 dimensions where .* has 12"),
        ({"outliers": np.ones((3, D + 1))}, "13 dimensions where .* has 12"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape(given, words):
    z, y = rows()
    with pytest.raises(InputError, match=words):
        gramax.audit(z, **({"labels": y} | given))


def test_the_command_shows_them_everywhere_and_can_fail_on_them(tmp_path, capsys):
    z, y = rows()
    weights, bias = nearest_mean_rule(means_of(z, y))
    for name, array in {"z": z, "y": y, "w": weights, "b": bias, "p": z + 1, "o": -z}.items():
        np.save(tmp_path / f"{name}.npy", array)
    at = {name: f"{tmp_path}/{name}.npy" for name in "zywbpo"}
    given = ["--labels", at["y"], "--head", at["w"], "--bias", at["b"], "--pairs", at["p"]]
    given += ["--outliers", at["o"], "--html", f"{tmp_path}/p.html", "--fail-on", "alignment>9"]
    assert main(["audit", at["z"], *given]) == 0
    page, shown = (tmp_path / "p.html").read_text(), capsys.readouterr().out
    for name in ("nc3_self_duality", "nc4_agreement", "nc5_orthogonality", "alignment"):
        assert name in page
        assert name in shown
    assert main(["audit", at["z"], *given, "--fail-on", "nc4_agreement<=1"]) == 1
    capsys.readouterr()
    assert main(["audit", at["z"], "--labels", at["y"], "--fail-on", "nc4_agreement<=1"]) == 2
    assert "nc4_agreement needs --head FILE" in capsys.readouterr().err
    assert main(["audit", at["z"], *given[:4], "--bias", at["z"]]) == 2
    assert "a bias is one array [classes]" in capsys.readouterr().err
    np.save(tmp_path / "long.npy", np.zeros(C + 1))
    assert main(["audit", at["z"], *given[:4], "--bias", f"{tmp_path}/long.npy"]) == 2
    assert f"a bias of shape [{C + 1}]: it must be [{C}]" in capsys.readouterr().err
    assert main(["audit", at["z"], *given, "--json", at["w"]]) == 2  # an input is not written over
    assert "is an input" in capsys.readouterr().err
