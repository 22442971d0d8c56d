"""`Transform` and `apply`: one map for every array library and for files of any size."""

from __future__ import annotations

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gramax import Transform, apply
from gramax._files import safetensors_head, write_safetensors
from gramax.arrays.rows import unit_rows
from gramax.cli import main
from gramax.data import open_embeddings
from gramax.decide.transform import KIND
from gramax.errors import InputError

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(50, 6)).astype(np.float32) + 1
TO = Transform(RNG.normal(size=6) / 5, RNG.normal(size=(6, 3)), "whiten_1")


def reference(z, to=TO):
    z = unit_rows(np.asarray(z, float)) if to.before else np.asarray(z, float)
    moved = (z - to.mean) @ (np.eye(to.width) if to.matrix is None else to.matrix)
    return unit_rows(moved) if to.after else moved


def test_every_library_gives_the_same_rows_in_its_own_precision():
    np.testing.assert_allclose(TO(Z.astype(float)), reference(Z), rtol=1e-12)
    assert TO(Z).dtype == np.float32
    for one in (TO(Z), TO(jnp.asarray(Z)), jax.jit(lambda to, z: to(z))(TO, Z)):
        np.testing.assert_allclose(np.asarray(one), reference(Z), atol=2e-6)


def test_pytorch_gives_tensors_with_gradients():
    torch = pytest.importorskip("torch")
    z = torch.tensor(Z, requires_grad=True)
    found = TO(z)
    np.testing.assert_allclose(found.detach().numpy(), reference(Z), atol=2e-6)
    found[:, 0].sum().backward()
    assert torch.isfinite(z.grad).all()
    half = torch.tensor(Z).bfloat16()
    np.testing.assert_allclose(TO(half).numpy(), reference(half.float().numpy()), atol=2e-5)


def test_it_is_a_tree_and_has_gradients():
    leaves = jax.tree.leaves(TO)
    assert [leaf.shape for leaf in leaves] == [(6,), (6, 3)]
    moved = jax.grad(lambda to: jnp.sum(to(jnp.asarray(Z)) ** 3))(TO)
    assert np.all(np.isfinite(moved.matrix))
    assert np.any(moved.mean != 0)


def test_a_row_without_direction_stays_without_one():
    z = np.concatenate([np.zeros((1, 6)), Z])
    np.testing.assert_array_equal(TO(z)[0], 0)
    raw = Transform(np.ones(6), None, before=False, after=False)
    np.testing.assert_array_equal(raw(z)[0], -1)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"takes rows of length 6; got \(50, 5\)"):
        TO(Z[:, :5])


@pytest.mark.parametrize("matrix", [None, TO.matrix])
def test_what_is_saved_is_read_again(tmp_path, matrix):
    to = Transform(TO.mean, matrix, "ä\n", before=False, after=True, length=7.5)
    to.save(tmp_path / "t.safetensors")
    back = Transform.load(tmp_path / "t.safetensors")
    np.testing.assert_array_equal(back(Z), to(Z))
    assert (back.before, back.after, back.length) == (False, True, 7.5)
    assert "\n" not in back.name


GOOD = json.dumps({"name": "x", "before": True, "after": True, "length": 1.0})


@pytest.mark.parametrize(
    ("arrays", "about", "words"),
    [
        ({"mean": np.zeros(3)}, {"about": GOOD}, "is not a transform"),
        ({"mean": np.zeros(3), "more": np.zeros(3)}, {"kind": KIND, "about": GOOD}, "is not a"),
        ({"matrix": np.eye(3)}, {"kind": KIND, "about": GOOD}, "is not a transform"),
        ({"mean": np.eye(3)}, {"kind": KIND, "about": GOOD}, "must be a row of float64"),
        ({"mean": np.zeros(0)}, {"kind": KIND, "about": GOOD}, "must be a row of float64"),
        ({"mean": np.array([0, np.inf])}, {"kind": KIND, "about": GOOD}, "is inf"),
        ({"mean": np.zeros(3), "matrix": np.eye(2)}, {"kind": KIND, "about": GOOD}, r"\(2, 2\)"),
        ({"mean": np.zeros(3)}, {"kind": KIND}, "is no JSON"),
        ({"mean": np.zeros(3)}, {"kind": KIND, "about": "[" * 100_000}, "is no JSON"),
        ({"mean": np.zeros(3)}, {"kind": KIND, "about": GOOD.replace("1.0", "NaN")}, "length nan"),
        ({"mean": np.zeros(3)}, {"kind": KIND, "about": GOOD.replace("true", "1")}, "is no JSON"),
    ],
)
def test_files_that_are_no_transform_are_refused(tmp_path, arrays, about, words):
    file = tmp_path / "t.safetensors"
    write_safetensors(file, arrays, about)
    with pytest.raises(InputError, match=words):
        Transform.load(file)


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "t.safetensors"
    TO.save(file)
    whole = file.read_bytes()
    for damaged in (whole[:100], whole[:-8], b"\xff" * 64, b""):
        file.write_bytes(damaged)
        with pytest.raises(InputError):
            Transform.load(file)


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", Z)
    TO.save("t.safetensors")
    kind = pa.list_(pa.float32(), 6)
    pq.write_table(pa.table({"z": pa.array(list(Z), kind)}), "z.parquet", row_group_size=20)
    return tmp_path


def read(path):
    return np.concatenate([chunk for _, chunk in open_embeddings(path).chunks(7)])


@pytest.mark.parametrize("kind", ["npy", "safetensors", "parquet"])
@pytest.mark.parametrize("source", ["z.npy", "z.parquet"])
def test_files_are_mapped_in_chunks_into_any_format(folder, monkeypatch, kind, source):
    monkeypatch.setattr("gramax.streaming.collection.CHUNK_BYTES", 4 * 6 * 7)
    told = []
    done = apply("t.safetensors", source, f"out.{kind}", progress=lambda *one: told.append(one))
    assert done[1:] == (50, 3)
    assert told[-1][1:3] == (50, 50)
    assert len(told) == (8 if source == "z.npy" else 1)
    np.testing.assert_allclose(read(f"out.{kind}"), TO(Z), atol=1e-6)
    assert read(f"out.{kind}").dtype == np.float32


def test_precision_is_that_of_the_source(folder):
    apply(TO, Z.astype(float), "wide.npy")
    np.testing.assert_allclose(np.load("wide.npy"), reference(Z), rtol=1e-12)
    apply(TO, (10 * Z).astype(np.int8), "small.npy")
    assert np.load("small.npy").dtype == np.float32


def test_what_does_not_fit_is_refused_and_leaves_nothing(folder):
    np.save("wide.npy", np.ones((5, 7)))
    bad = Z.copy()
    bad[33, 2] = np.nan
    np.save("bad.npy", bad)
    Transform(TO.mean, None, "centre", before=False, length=2.0).save("raw.safetensors")
    before = sorted(os.listdir())
    for to, source, words in (
        ("t.safetensors", "wide.npy", "has 7 dimensions; the transform 'whiten_1' was made from"),
        ("t.safetensors", "bad.npy", "bad.npy: row 33, column 2 is nan"),
        ("raw.safetensors", 100 * Z, "they were scaled otherwise"),
        ("z.npy", "z.npy", "not a .safetensors file"),
    ):
        with pytest.raises(InputError, match=words):
            apply(to, source, "out.npy")
        assert sorted(os.listdir()) == before
    with pytest.raises(InputError, match=r"the name must end in \.npy, \.safetensors, \.parquet"):
        apply(TO, Z, "out.csv")
    apply("t.safetensors", 100 * Z, "out.npy")  # its directions are the same


def test_the_commands(folder, capsys):
    rng = np.random.default_rng(1)
    y = np.arange(400) % 4
    x = 2.5 * np.eye(8)[y] + rng.normal(size=(400, 8))
    x[:, 7] += 20 * rng.normal(size=400)
    np.save("x.npy", x.astype(np.float32))
    np.save("y.npy", y)
    args = ["fix", "x.npy", "--labels", "y.npy", "--out", "to.safetensors", "--json", "-"]
    assert main(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recommended"]["nearest_mean"] == Transform.load("to.safetensors").name
    assert main(["apply", "to.safetensors", "x.npy", "--out", "fixed.npy"]) == 0
    assert "fixed.npy: 400 rows" in capsys.readouterr().out
    assert main(["apply", "to.safetensors", "x.npy", "--out", "x.npy"]) == 2
    assert "is an input and is not written over" in capsys.readouterr().err
    args = ["fix", "x.npy", "--remedy", "pca_2", "--out", "pca.safetensors", "--html", "page.html"]
    assert main(args) == 0
    assert Transform.load("pca.safetensors").dim == 2
    assert "Neighbours of held-out rows" in (folder / "page.html").read_text()
    assert main(["fix", "x.npy", "--remedy", "pca_2"]) == 2
    np.save("y.npy", rng.permutation(y))
    assert main(["fix", "x.npy", "--labels", "y.npy", "--out", "none.safetensors"]) == 0
    assert "not written, as nothing is to be changed" in capsys.readouterr().err
    assert not os.path.exists("none.safetensors")


def test_heads_of_files_are_those_of_the_format():
    head = safetensors_head({"a": (2, 3), "b": (4,)}, np.dtype("<f4"), {"k": "v"})
    told = json.loads(head[8:])
    assert told["b"] == {"dtype": "F32", "shape": [4], "data_offsets": [24, 40]}
    assert len(head) % 8 == 0
    assert int.from_bytes(head[:8], "little") == len(head) - 8
