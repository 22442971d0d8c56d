"""The same matrix and labels come out of every layout, whatever the size of the chunks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gramax.data import ArraySource, Source, open_embeddings, read_labels

N, D = 11, 3
Z = np.random.default_rng(7).normal(size=(N, D)).astype(np.float32)
Y = np.array([5, 0, -1, 12, 5, 0, 0, 12, -1, 5, 12])
CODES = [1, 0, -1, 2, 1, 0, 0, 2, -1, 1, 2]


def read(source: Source, size: int) -> np.ndarray:
    """All of `source`, with the promises of `chunks` checked on the way."""
    pieces, after = [], 0
    for start, chunk in source.chunks(size):
        assert start == after
        assert chunk.dtype == source.dtype
        assert chunk.dtype.isnative
        assert chunk.shape == (min(size, source.rows - start), source.dim)
        pieces.append(chunk)
        after += len(chunk)
    return np.concatenate(pieces)


@pytest.mark.parametrize("size", [1, 2, 4, 5, N - 1, N, 1000])
def test_chunks_are_the_matrix(write, size):
    source = open_embeddings(write(Z, Y).path)
    assert (source.rows, source.dim) == (N, D)
    np.testing.assert_array_equal(read(source, size), Z)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4"])
def test_dtypes_pass_through(write, dtype):
    z = np.abs(Z * 10).astype(dtype)
    source = open_embeddings(write(z, Y).path)
    assert source.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read(source, 4), z)


def test_integer_labels(write):
    where = write(Z, Y)
    labels = read_labels(where.labels, where.path, N)
    assert labels.codes.dtype == np.int32
    assert labels.codes.tolist() == CODES
    assert labels.names == ("0", "5", "12")


@pytest.mark.parametrize("dtype", ["i1", "i2", "i8", "u1", "u4", "u8", "f4", "f8"])
def test_labels_of_any_width(write, dtype):
    y = (Y if np.dtype(dtype).kind != "u" else np.abs(Y)).astype(dtype)
    where = write(Z, y)
    if where.labels.endswith(".txt") and dtype[0] == "f":
        pytest.skip("1.0 in a text file is a text")
    labels = read_labels(where.labels, where.path, N)
    present = np.array([int(name) for name in labels.names])
    kept = y >= 0
    np.testing.assert_array_equal(present[labels.codes[kept]], y[kept])
    assert (labels.codes[~kept] == -1).all()


def test_text_labels(write):
    names = np.array(["mouse", "cat", "dog", "ünï"])[[0, 1, 2, 3, 0, 1, 1, 3, 2, 0, 1]]
    where = write(Z, names)
    labels = read_labels(where.labels, where.path, N)
    assert labels.names == ("cat", "dog", "mouse", "ünï")
    assert [labels.names[code] for code in labels.codes] == names.tolist()


def test_boolean_labels(write):
    y = Y > 4
    where = write(Z, y)
    labels = read_labels(where.labels, where.path, N)
    assert labels.names == ("False", "True")
    assert labels.codes.tolist() == y.astype(int).tolist()


def test_a_source_can_be_sent_to_a_worker_and_read_twice(write):
    source = open_embeddings(write(Z, Y).path)
    next(iter(source.chunks(2)))  # dropped half-way: no file stays open
    sent = pickle.loads(pickle.dumps(source))
    for _ in range(2):
        np.testing.assert_array_equal(read(sent, 3), Z)


def test_the_name_is_the_path_as_written(write, monkeypatch):
    where = write(Z, Y)
    folder, _, file = where.path.rpartition("/")
    monkeypatch.chdir(folder)
    assert open_embeddings(f"./{file}").name == f"./{file}"


def test_a_chunk_has_at_least_one_row(write):
    with pytest.raises(ValueError, match="size=0"):
        open_embeddings(write(Z, Y).path).chunks(0)


@pytest.mark.parametrize("size", [1, 4, N, 1000])
def test_an_array_in_memory_is_a_source_too(size):
    np.testing.assert_array_equal(read(ArraySource(Z), size), Z)
