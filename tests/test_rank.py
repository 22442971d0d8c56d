"""`gramax rank`: the best is found, equal layers are not told apart, and layers are read."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gramax
from gramax.cli import main
from gramax.decide.comparison.similarity import linear_cka
from gramax.decide.differences import of_blocks, of_hits
from gramax.errors import InputError
from gramax.moments import ClassMoments
from gramax.moments.blocks import dealt
from gramax.uncertainty import probes
from gramax.uncertainty.probes import worth_of

pytestmark = pytest.mark.usefixtures("read_here")


def flagged(found, values):
    """Whether any other is told from the best."""
    best = int(np.argmax(values))
    return any(found.between(best, k)[1] > 0 for k in range(len(values)) if k != best)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_equal_spaces_are_told_apart_in_one_of_twenty_at_most(shared):
    """Numbers with a jackknife: means of 20 blocks, independent or nearly one."""
    rng, false = np.random.default_rng(0), 0
    for _ in range(100):
        common = rng.normal(size=(1, 20))
        blocks = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(8, 20))
        left = (blocks.sum(axis=1, keepdims=True) - blocks) / 19
        false += flagged(of_blocks(blocks.mean(axis=1), left), blocks.mean(axis=1))
    assert false <= 11  # 5 are expected, with a deviation of 2
    assert false >= 1  # and not none, as for an interval that is far too wide


def test_equal_classifiers_are_told_apart_in_one_of_twenty_at_most(monkeypatch):
    """Layers that are the same signal under noises of their own, learnt from few rows."""
    # Which intervals of each layer alone ask for, and which takes most of the time.
    monkeypatch.setattr(probes, "tied_rows", lambda *_: np.zeros(2))
    n, d, c, m, false = 240, 8, 3, 4, 0
    block = dealt(0, n, 20, seed=0)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        y, hits = rng.integers(0, c, n), []
        signal = (0.5 * rng.normal(size=(c, d)))[y] + 0.7 * rng.normal(size=(n, d))
        for _ in range(m):
            z = signal + 0.7 * rng.normal(size=(n, d))
            parts = tuple(ClassMoments.of(z[block == k], y[block == k], c) for k in range(20))
            hits.append(worth_of(parts, z, y, block).hits["probe"])
        found = of_hits(np.array(hits), 20)
        false += flagged(found, found.values)
    assert false <= 3


def test_errors_of_differences_are_those_of_pairs():
    """Of two spaces the interval is McNemar's with the two rows of Agresti and Min, widened."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((2, 500)) < [[0.8], [0.7]]).astype(float)
    found = of_hits(np.array([a, b]), folds=20)
    more, less = np.sum(a > b), np.sum(b > a)
    n = 502
    variance = ((more + less + 1) - (more - less) ** 2 / n) / n**2
    assert found.errors[0, 1] == pytest.approx(np.sqrt(variance * (1 + 20 / 19)))
    assert found.sure == pytest.approx(1.96, abs=0.06)  # one pair: as for one
    left = rng.normal(size=(2, 20))
    found = of_blocks(np.zeros(2), left)
    gaps = left[0] - left[1]
    assert found.errors[0, 1] == pytest.approx(np.sqrt(19 * np.var(gaps)))
    assert found.sure == pytest.approx(2.093, abs=0.1)  # Student's t with 19 degrees of freedom


def test_spaces_that_are_one_are_not_told_apart():
    hits = np.tile((np.arange(300) % 3 > 0).astype(float), (4, 1))
    assert of_hits(hits, 20).between(0, 1)[1] < 0  # that none was seen to differ is no proof
    left = np.tile(np.random.default_rng(0).normal(size=(1, 20)), (4, 1))
    assert of_blocks(np.zeros(4), left).between(0, 1) == (0, 0, 0)


@pytest.fixture(scope="module")
def layers():
    """Ten layers whose signal rises to the seventh and falls: 1,000 rows, 5 classes."""
    rng = np.random.default_rng(3)
    y = np.arange(1000) % 5
    noise = rng.normal(size=(1000, 12))
    strength = 1.6 - 0.25 * np.abs(np.arange(10) - 6)
    found = {}
    for k, one in enumerate(strength):
        own = 0.5 * rng.normal(size=(1000, 12))
        found[f"layer_{k}"] = (one * np.eye(5, 12)[y] + noise + own).astype(np.float32)
    return found, y


@pytest.mark.parametrize("by", ["probe", "nearest_mean", "nearest_neighbour", "scatter ratio"])
def test_a_planted_best_is_found(layers, by):
    some = {f"layer_{k}": layers[0][f"layer_{k}"] for k in (0, 2, 5, 6, 7, 9)}
    found = gramax.rank(some, layers[1], by=by)
    good = {found.best.name, *(one.name for one in found.as_good)}
    assert "layer_6" in good
    assert not good & {"layer_0", "layer_2"}
    values = [one.value.value for one in found.spaces]
    assert values == sorted(values, reverse=by != "scatter ratio")
    assert all((one.behind.low > 0) == one.worse for one in found.spaces[1:])


def test_neighbours_have_the_cka_that_the_arrays_have(layers):
    rows, y = layers
    some = {f"layer_{k}": rows[f"layer_{k}"] for k in (0, 3, 4)}
    found = {one.name: one for one in gramax.rank(some, y).spaces}
    assert found["layer_0"].likeness is None
    unit = [gramax.l2_normalize(rows[f"layer_{k}"].astype(float)) for k in (3, 4)]
    assert found["layer_4"].likeness.value == pytest.approx(linear_cka(*unit, debiased=True))


def write(path, rows, y):
    names = [f"layer_{k}" for k in (10, 2, 0)]  # not in their order
    arrays = {name: rows[f"layer_{k}"] for name, k in zip(names, (9, 2, 0), strict=True)}
    if path.suffix == ".npz":
        np.savez(path, **arrays, y=y, other=np.zeros((3, 2)))
    elif path.suffix == ".safetensors":
        from safetensors.numpy import save_file

        save_file(arrays | {"y": y}, path)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            name: pa.FixedSizeListArray.from_arrays(z.ravel(), z.shape[1])
            for name, z in arrays.items()
        }
        pq.write_table(pa.table(columns | {"y": y}), path)


@pytest.mark.parametrize("kind", ["npz", "safetensors", "parquet"])
def test_the_layers_of_one_file_in_the_order_of_their_numbers(layers, tmp_path, kind, capsys):
    path = tmp_path / f"all.{kind}"
    write(path, *layers)
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    given = [str(path), "--each", "layer_*", "--labels", "y"]
    assert main(["rank", *given, "--json", str(out), "--html", str(page)]) == 0
    told = json.loads(out.read_text())
    order = sorted(told["spaces"], key=lambda one: one["place"])
    assert [one["name"] for one in order] == ["layer_0", "layer_2", "layer_10"]
    arrays = [layers[0][f"layer_{k}"] for k in (0, 2, 9)]
    same = gramax.rank(arrays, layers[1])
    mine = {one.place: one.value.value for one in same.spaces}
    assert [one["value"]["value"] for one in order] == pytest.approx([mine[k] for k in range(3)])
    assert told["best"] in capsys.readouterr().out
    assert 'class="band"' in page.read_text()


def test_what_cannot_be_ranked_is_refused(layers, tmp_path, capsys):
    rows, y = layers
    one, other = rows["layer_0"], rows["layer_1"]
    with pytest.raises(InputError, match=r"got 1; the layers of one file are named by --each"):
        gramax.rank([one], y)
    with pytest.raises(InputError, match="not of the same rows: 1,000 and 990 rows"):
        gramax.rank([one, other[:990]], by="uniformity")
    with pytest.raises(InputError, match="no accuracy to rank by"):
        gramax.rank([one, other])
    with pytest.raises(InputError, match="--by scatter_ratio needs labels"):
        gramax.rank([one, other], by="scatter_ratio")
    with pytest.raises(InputError, match="did you mean probe"):
        gramax.rank([one, other], y, by="prope")
    path = tmp_path / "all.npz"
    write(path, *layers)
    assert main(["rank", str(path), "--each", "block_*", "--labels", "y"]) == 2
    assert "no matrix is named like 'block_*'; it has layer_10" in capsys.readouterr().err


def test_a_space_without_a_value_comes_last_with_its_reason(layers):
    rows, y = layers
    point = np.tile(np.ones(4, np.float32), (1000, 1))
    found = gramax.rank(
        {"a": rows["layer_1"], "point": point, "b": rows["layer_5"]}, y, by="participation_ratio"
    )
    assert found.spaces[-1].name == "point"
    assert found.to_dict()["spaces"][-1]["value"]["value"] is None
    assert any("point" in note for note in found.notes)


def test_rows_without_a_direction_in_one_space_are_not_paired_with_others(layers):
    rows, y = layers
    holes = rows["layer_6"].copy()
    holes[:7] = 0
    spaces = {"a": rows["layer_6"], "holes": holes, "low": rows["layer_0"]}
    found = gramax.rank(spaces, y)  # of the rows that all have
    assert found.spaces[-1].name == "low"
    assert found.spaces[-1].worse
    found = gramax.rank(spaces, y, by="hubness")  # whose blocks are of other rows
    assert all(one.behind is None for one in found.spaces)
    assert any("not the same in all spaces" in note for note in found.notes)
