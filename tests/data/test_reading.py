"""How stored numbers become rows: turned, unpacked from bits, or freed from a quantisation."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.conftest import LAYOUTS
from tests.data.test_contract import check_fragments, read, sent

import gramax
from gramax import InputError, Reading
from gramax.cli import main
from gramax.data import ArraySource, open_embeddings
from gramax.streaming import Execution

RNG = np.random.default_rng(3)
Z = RNG.normal(size=(41, 6)).astype(np.float32)
Y = np.arange(6) % 3
BYTES = RNG.integers(0, 256, (41, 5)).astype(np.uint8)


@pytest.mark.parametrize(
    "layout", ["npy", "npy fortran", "npz", "safetensors", "parquet list", "hdf5 chunked", "csv"]
)
def test_transposed(tmp_path, layout):
    where = LAYOUTS[layout](tmp_path, np.ascontiguousarray(Z.T), Y)
    source = open_embeddings(where.path, reading=Reading(transpose=True))
    assert (source.rows, source.dim) == Z.shape
    assert source.parts[0].entry.text.endswith("transposed")
    for size in (1, 7, 99):
        np.testing.assert_array_equal(read(sent(source), size), Z)
    check_fragments(source, Z, 10)
    as_stored = open_embeddings(where.path)
    assert source.fingerprint() != as_stored.fingerprint()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 4), st.booleans(), st.integers(0, 2**32 - 1))
def test_bits_of_either_sign_are_the_signs(n, width, signed, seed):
    """As numpy.packbits writes them, and less 128, which turns one dimension in eight around."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n, 8 * width))
    packed = np.packbits(signs > 0, axis=1)
    wanted = signs
    if signed:
        packed = (packed.astype(np.int16) - 128).astype(np.int8)
        wanted = signs * np.where(np.arange(8 * width) % 8, 1, -1)
    found = read(ArraySource(packed, reading=Reading(bits=True)), 4)
    np.testing.assert_array_equal(found, wanted)


def test_quantised_numbers_in_a_file(tmp_path):
    np.save(tmp_path / "q.npy", BYTES)
    source = open_embeddings(tmp_path / "q.npy", reading=Reading(zero_point=127.5, scale=0.25))
    wanted = ((BYTES.astype(np.float64) - 127.5) * 0.25).astype(np.float32)
    np.testing.assert_array_equal(read(sent(source), 4), wanted)
    check_fragments(source, wanted, 10)
    both = Reading(transpose=True, zero_point=127.5, scale=0.25)
    np.testing.assert_array_equal(read(ArraySource(BYTES.T, reading=both), 4), wanted)


def test_an_audit_of_bits_is_that_of_signs(tmp_path):
    signs = RNG.normal(size=(300, 64)) + np.eye(64)[np.arange(300) % 4] * 2 > 0
    np.save(tmp_path / "b.npy", np.packbits(signs, axis=1))
    labels = np.arange(300) % 4
    packed = gramax.audit(str(tmp_path / "b.npy"), labels, reading=Reading(bits=True))
    alone = gramax.audit(signs * 2.0 - 1, labels)
    for name, value in alone.items():
        np.testing.assert_allclose(packed[name], value, rtol=1e-6, err_msg=name)


def test_a_checkpoint_knows_how_numbers_were_read(tmp_path):
    work = Execution(checkpoint=tmp_path / "run.ckpt")
    gramax.audit(BYTES, reading=Reading(zero_point=128), execution=work)
    with pytest.raises(InputError, match=r"was \(x - 128\) \* 1 of uint8 .*, and is \(x - 127\)"):
        gramax.audit(BYTES, reading=Reading(zero_point=127), execution=work)


@pytest.mark.parametrize(
    ("stored", "reading", "why"),
    [
        (Z, {"bits": True}, r"^array: --bits unpacks bytes \(uint8, int8\); got float32"),
        (BYTES, {"bits": True, "scale": 2.0}, "--bits are ±1, without --zero-point and --scale"),
        (BYTES, {"scale": 0.0}, r"--scale must be a number above 0; got 0\.0"),
        (BYTES, {"zero_point": float("nan")}, "--zero-point must be a finite number; got nan"),
    ],
)
def test_what_is_refused(stored, reading, why):
    with pytest.raises(InputError, match=why):
        ArraySource(stored, reading=Reading(**reading))


def test_a_matrix_too_large_to_be_turned_in_memory(tmp_path, monkeypatch):
    where = LAYOUTS["parquet list"](tmp_path, Z, np.arange(41))
    monkeypatch.setattr("gramax.data.reading.MAX_TURNED_BYTES", 100)
    with pytest.raises(InputError, match=r"read whole \(984 bytes\) to be transposed; save its tr"):
        open_embeddings(where.path, reading=Reading(transpose=True))


QUANTISED = np.clip(np.round(128 + 36 * RNG.normal(size=(300, 48))), 0, 255).astype(np.uint8)
PACKED = np.packbits(RNG.normal(size=(300, 384)) > 0.2, axis=1)
DECODER = RNG.normal(size=(64, 600))


@pytest.mark.parametrize(
    ("z", "options", "note"),
    [
        (QUANTISED, {}, "uint8 are taken as they are; if they are quantised, say --zero-point 128"),
        ((QUANTISED - 128).view(np.int8), {}, "int8 are taken .* say --zero-point and --scale$"),
        (PACKED, {}, "these uint8 look like packed bits of 384 dimensions; .* say --bits"),
        (PACKED, {"reading": Reading(bits=True)}, ""),
        (QUANTISED, {"reading": Reading(zero_point=128)}, ""),
        (DECODER, {}, "64 rows of 600 numbers; if its columns are the vectors, say --transpose"),
        (DECODER, {"codes": True}, "64 rows of 600 numbers; .* say --transpose"),
        (DECODER, {"codes": True, "labels": list(range(64))}, ""),
        (DECODER, {"reading": Reading(transpose=True)}, ""),
        (RNG.normal(size=(64, 768)), {}, ""),
        (RNG.normal(size=(300, 784)), {}, ""),
    ],
)  # fmt: skip
def test_what_an_audit_notes(z, options, note):
    told = [one for one in gramax.audit(z, **options).warnings if one.startswith("array: ")]
    assert len(told) == bool(note)
    assert re.search(note, "".join(told))


def test_labels_for_the_columns_ask_for_a_transpose(tmp_path):
    np.save(tmp_path / "w.npy", DECODER)
    y = np.arange(600) % 3
    np.save(tmp_path / "y.npy", y)
    for labels in (y, str(tmp_path / "y.npy")):
        with pytest.raises(
            InputError, match=r"600 labels for the 64 rows .* as many columns: .*--trans"
        ):
            gramax.audit(str(tmp_path / "w.npy"), labels)


def test_the_commands_take_them_and_name_the_array(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", pixels=Z, codes_z=PACKED)
    np.savez(tmp_path / "b.npz", pixels=Z, codes_z=PACKED)
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    a, b = str(tmp_path / "a.npz"), str(tmp_path / "b.npz")
    assert main(["audit", a, "--bits", "--json", str(out), "--html", str(page)]) == 0
    report = json.loads(out.read_text())
    assert (report["source"], report["array"], report["d"]) == (a, "codes_z", 384)
    assert f"{a}::codes_z" in capsys.readouterr().out.replace("\n", "")
    assert f"{a}::codes_z" in page.read_text()
    assert main(["compare", a, b, "--bits", "--json", str(out)]) == 0
    compared = json.loads(out.read_text())
    assert (compared["a"]["source"], compared["a"]["d"]) == (f"{a}::codes_z", 384)
    assert main(["compare", a, b, "--json", str(out)]) == 0
    assert sum("packed bits" in note for note in json.loads(out.read_text())["notes"]) == 2
