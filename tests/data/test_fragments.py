"""Fragments, parts of labels and fingerprints of every layout: what engines and checkpoints use."""

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


def check_fragments(source, z, rows):
    """Every row once, in order, the same by fragments as by the whole."""
    fragments = source.fragments(rows)
    after = 0
    for fragment in map(sent, fragments):
        assert fragment.start == after
        assert fragment.rows >= 1
        at = after
        for start, chunk in fragment.chunks(3):
            assert start == at
            assert chunk.dtype == source.dtype
            assert len(chunk) == min(3, fragment.start + fragment.rows - start)
            np.testing.assert_array_equal(chunk, z[start : start + len(chunk)])
            at += len(chunk)
        after += fragment.rows
        assert at == after
    assert after == source.rows
    assert len({fragment.name for fragment in fragments}) == len(fragments)
    return fragments


@pytest.mark.parametrize("rows", [1, 5, 16, 1000])
def test_fragments_are_the_rows(write, rows):
    source = open_embeddings(write(Z, Y).path)
    fragments = check_fragments(source, Z, rows)
    in_one_piece = source.parts[0].entry.cuts(1) is None or rows >= N
    assert len(fragments) == len(source.parts) or not in_one_piece


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_fragments_of_an_array(rows):
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


@pytest.mark.parametrize("size", [1, 4, 100])
def test_parts_of_labels_align(write, size):
    where = write(Z, Y)
    source = open_embeddings(where.path)
    labels = read_labels(where.labels, source, N)
    assert (labels.rows, labels.names) == (N, tuple("012345"))
    assert labels.codes.tolist() == Y.tolist()
    for fragment in source.fragments(7):
        start, stop = fragment.start, fragment.start + fragment.rows
        part = sent(labels.part(start, stop))
        assert part.rows == fragment.rows
        chunks = list(part.chunks(size))
        assert {chunk.dtype for chunk in chunks} == {np.dtype(np.int32)}
        assert [len(c) for c in chunks] == [len(z) for _, z in fragment.chunks(size)]
        np.testing.assert_array_equal(np.concatenate(chunks), Y[start:stop])


def test_parts_of_labels_in_memory_take_few_bytes():
    labels = labels_from_array(Y, N)
    part = sent(labels.part(10, 20))
    assert part.array.dtype == np.int8
    assert np.concatenate(list(part.chunks(3))).tolist() == Y[10:20].tolist()
    assert next(labels.part(0, 5).part(2, 4).chunks(9)).tolist() == Y[2:4].tolist()


@pytest.mark.parametrize(
    ("before", "after"),
    [(Y % 5, np.full(N, 9)), (Y % 5, np.full(N, 70_000)), (["a"] * N, ["b"] * N)],
)
def test_labels_that_change_between_the_passes(tmp_path, before, after):
    np.save(tmp_path / "y.npy", before)
    labels = read_labels(tmp_path / "y.npy", None, N)
    np.save(tmp_path / "y.npy", after)
    with pytest.raises(InputError, match=r"y\.npy: .* it changed while it was read"):
        list(labels.part(3, 9).chunks(9))


def files_in(path):
    path = Path(path)
    return [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]


def test_a_fingerprint_tells_a_file_from_its_next_version(write):
    where = write(Z, Y)
    before = open_embeddings(where.path).fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert (before["rows"], before["dim"], before["dtype"]) == (N, D, "float32")
    assert open_embeddings(where.path).fingerprint() == before
    for file in files_in(where.path):
        os.utime(file, ns=(1, file.stat().st_mtime_ns + 1000))
    assert open_embeddings(where.path).fingerprint() != before


def test_a_fingerprint_tells_an_array_from_another():
    before = ArraySource(Z).fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert ArraySource(Z.copy()).fingerprint() == before
    other = Z.copy()
    other[-1, -1] += 1
    assert ArraySource(other).fingerprint() != before
