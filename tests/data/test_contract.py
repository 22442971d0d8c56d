"""The same matrix and labels come out of every layout, in chunks and in fragments of any size."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from gramax.data import ArraySource, labels_from_array, open_embeddings, read_labels
from gramax.errors import InputError

N, D = 41, 3
Z = np.random.default_rng(7).normal(size=(N, D)).astype(np.float32)
Y = np.random.default_rng(8).integers(-1, 6, size=N)


def sent(thing):
    """As a worker would get it."""
    return pickle.loads(pickle.dumps(thing))


def read(source, size):
    """All of a source or fragment, with the promises of `chunks` checked on the way."""
    begin = after = getattr(source, "start", 0)
    pieces = []
    for start, chunk in source.chunks(size):
        assert start == after
        assert chunk.dtype == source.dtype
        assert chunk.dtype.isnative
        assert len(chunk) == min(size, begin + source.rows - start)
        pieces.append(chunk)
        after += len(chunk)
    return np.concatenate(pieces)


def test_chunks_are_the_matrix(write):
    source = open_embeddings(write(Z, Y).path)
    assert (source.rows, source.dim) == (N, D)
    next(iter(source.chunks(2)))  # dropped half-way: no file stays open
    for size in (1, 1, 4, 5, N, 1000):  # one of them twice
        np.testing.assert_array_equal(read(sent(source), size), Z)


@pytest.mark.parametrize("kind", ["f", "i", "u"])
def test_dtypes_pass_through(write, kind):
    for size in {"f": (8, 4, 2), "i": (8, 4, 2, 1), "u": (4, 2, 1)}[kind]:  # f2: not in MATLAB's
        z = np.abs(Z * 10).astype(f"{kind}{size}")
        where = write(z, Y)
        source = open_embeddings(where.path)
        assert source.dtype == np.dtype(where.dtype or z.dtype)
        if where.dtype == "float32":
            z = z.astype(np.float32)
        np.testing.assert_array_equal(read(source, 4), z)


@pytest.mark.parametrize("dtype", ["i1", "i8", "u1", "u8", "f4", "f8"])
def test_labels_of_any_width(write, dtype):
    y = (Y if np.dtype(dtype).kind != "u" else np.abs(Y)).astype(dtype)
    where = write(Z, y)
    if where.labels.endswith(".txt") and dtype[0] == "f":
        pytest.skip("1.0 in a text file is a text")
    labels = read_labels(where.labels, open_embeddings(where.path), N)
    assert labels.codes.dtype == np.int32
    assert labels.names == tuple("012345")
    assert labels.codes.tolist() == y.tolist()


def test_labels_that_are_text_or_booleans(write):
    for y in (np.array(["mouse", "cat", "dog", "ünï"])[np.arange(N) % 4], Y > 4):
        where = write(Z, y)
        labels = read_labels(where.labels, open_embeddings(where.path), N)
        assert labels.names == tuple(sorted(set(map(str, y))))
        assert [labels.names[code] for code in labels.codes] == list(map(str, y))


def test_the_name_is_the_path_as_written(write, monkeypatch):
    where = write(Z, Y)
    folder, _, file = where.path.rpartition("/")
    monkeypatch.chdir(folder)
    source = open_embeddings(f"./{file}")
    assert source.name == f"./{file}"
    with pytest.raises(ValueError, match="size=0"):
        source.chunks(0)


def check_fragments(source, z, rows):
    """Every row once, in order, the same by fragments as by the whole."""
    fragments = source.fragments(rows)
    after = 0
    for fragment in map(sent, fragments):
        assert fragment.start == after
        after += fragment.rows
        np.testing.assert_array_equal(read(fragment, 3), z[fragment.start : after])
    assert after == source.rows
    assert len({fragment.name for fragment in fragments}) == len(fragments)
    return fragments


def test_fragments_are_the_rows(write):
    source = open_embeddings(write(Z, Y).path)
    for rows in (1, 5, 16, 1000):
        fragments = check_fragments(source, Z, rows)
        in_one_piece = source.parts[0].entry.cuts(1) is None or rows >= N
        assert len(fragments) == len(source.parts) or not in_one_piece


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_an_array_in_memory_is_a_source_too(rows):
    np.testing.assert_array_equal(read(ArraySource(Z), rows), Z)
    fragments = check_fragments(ArraySource(Z), Z, rows)
    assert len(fragments) == -(-N // rows)
    assert fragments[0].name == ("array" if rows >= N else f"array rows 0-{rows - 1}")


def test_names_count_rows_as_their_file_does(tmp_path):
    for k in range(2):
        np.save(tmp_path / f"{k}.npy", Z)
    *_, last = open_embeddings(tmp_path).fragments(40)
    assert (last.name, last.file) == (f"{tmp_path}/1.npy rows 40-40", f"{tmp_path}/1.npy")
    assert (last.first, last.start, last.rows) == (40, N + 40, 1)
    assert open_embeddings(tmp_path).fragments(N)[1].name == f"{tmp_path}/1.npy"


def test_parts_of_labels_align(write):
    where = write(Z, Y)
    source = open_embeddings(where.path)
    labels = read_labels(where.labels, source, N)
    assert labels.rows == N
    for fragment in source.fragments(7):
        part = sent(labels.part(fragment.start, fragment.start + fragment.rows))
        assert part.rows == fragment.rows
        for size in (1, 4, 100):
            chunks = list(part.chunks(size))
            assert {chunk.dtype for chunk in chunks} == {np.dtype(np.int32)}
            assert [len(c) for c in chunks] == [len(z) for _, z in fragment.chunks(size)]
            np.testing.assert_array_equal(np.concatenate(chunks), Y[fragment.start :][: part.rows])


def test_parts_of_labels_in_memory_take_few_bytes():
    labels = labels_from_array(Y, N)
    part = sent(labels.part(10, 20))
    assert part.array.dtype == np.int8
    assert np.concatenate(list(part.chunks(3))).tolist() == Y[10:20].tolist()
    assert next(labels.part(0, 5).part(2, 4).chunks(9)).tolist() == Y[2:4].tolist()


@pytest.mark.parametrize(
    ("before", "after"),
    [(Y % 5, np.full(N, 9)), (Y % 5, ["b"] * N), (["a"] * N, ["b"] * N)],
)
def test_labels_that_change_between_the_passes(tmp_path, before, after):
    np.save(tmp_path / "y.npy", before)
    labels = read_labels(tmp_path / "y.npy", None, N)
    np.save(tmp_path / "y.npy", after)
    with pytest.raises(InputError, match=r"y\.npy: .* (it changed|changed meanwhile)"):
        list(labels.part(3, 9).chunks(9))


def test_a_fingerprint_tells_a_file_from_its_next_version(write):
    where = write(Z, Y)
    before = open_embeddings(where.path).fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert (before["rows"], before["dim"], before["dtype"]) == (N, D, where.dtype or "float32")
    assert open_embeddings(where.path).fingerprint() == before
    path = Path(where.path)
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        os.utime(file, ns=(1, file.stat().st_mtime_ns + 1000))
    assert open_embeddings(where.path).fingerprint() != before


def test_a_fingerprint_tells_an_array_from_another():
    before = ArraySource(Z).fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert ArraySource(Z.copy()).fingerprint() == before
    other = Z.copy()
    other[-1, -1] += 1
    assert ArraySource(other).fingerprint() != before
