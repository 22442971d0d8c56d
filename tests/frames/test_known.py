"""What is known to be reached: never below a floor, never lost with fewer codes."""

import numpy as np
import pytest
from benchmarks import packing_look_up

from gramax.frames import coherence_floor, construct, known, known_coherence
from gramax.frames.codebooks import coherence


@pytest.mark.parametrize(("c", "d", "field"), [(28, 7, "real"), (25, 5, "complex"), (3, 9, "real")])
def test_a_construction_comes_first(c, d, field):
    found, built = known_coherence(c, d, field), construct(c, d, field)
    assert (found.how, found.source) == (built.name, "construction")
    assert found.value == pytest.approx(coherence(built.codes), abs=1e-12)


def test_every_packing_kept_is_known_by_its_coherence():
    for (field, d, c), value in packing_look_up.kept().items():
        found = known_coherence(c, d, field)
        assert found.value <= value + 2e-12
        assert found.value >= coherence_floor(c, d, field).value - 1e-12


@pytest.mark.parametrize("field", ["real", "complex"])
def test_it_only_grows_with_codes_and_falls_with_dimensions(field):
    sizes = [[(c, d, field) for c in range(2, 50)] for d in range(2, 14)]
    found = [[known_coherence(*size) for size in row] for row in sizes]
    values = np.array([[known.value if known else 1.0 for known in row] for row in found])
    floors = np.array([[coherence_floor(*size).value for size in row] for row in sizes])
    assert np.all(values >= floors - 1e-12)
    assert np.all(np.diff(values, axis=1) >= -1e-12)
    assert np.all(np.diff(values, axis=0) <= 1e-12)
    assert np.mean(values < 1) > 0.8


@pytest.mark.parametrize(
    ("c", "d", "field", "words", "value"),
    [
        (27, 7, "real", "quadric frame of F_2^6, 27 of its 28 codes", 1 / 3),
        (1000, 128, "real", "33 real mutually unbiased bases", 1 / 8),
        (5000, 257, "complex", "258 mutually unbiased bases, 5000 of its 66306 codes", 257**-0.5),
        (100, 64, "real", "100 of its 126 codes, in 63 of the 64 dimensions", 125**-0.5),
        (43, 6, "complex", "packing found by gramax, 43 of its 48 codes", 0.440958551844),
    ],
)
def test_parts_of_larger_codebooks(c, d, field, words, value):
    found = known_coherence(c, d, field)
    assert words in found.how
    assert found.value == pytest.approx(value, abs=1e-11)


def test_nothing_is_known_of_some_and_bad_arguments_are_quoted():
    assert known_coherence(50_000, 768) is None
    assert known_coherence(10**9, 10**3) is None
    with pytest.raises(ValueError, match="quaternion"):
        known_coherence(5, 3, "quaternion")
    with pytest.raises(ValueError, match="c=0"):
        known_coherence(0, 3)


def test_the_table_is_small_and_holds_only_what_is_useful():
    rows = packing_look_up.shipped()
    assert known.TABLE.stat().st_size < 40_000
    assert packing_look_up.useful(rows) == rows
    assert len(rows) > 300


def test_the_table_is_written_from_the_vectors(tmp_path, monkeypatch):
    monkeypatch.setattr(known, "TABLE", tmp_path / "known.csv")
    values = {k: v for k, v in packing_look_up.kept().items() if k[:2] == ("real", 4)}
    packing_look_up.write(values)
    lines = known.TABLE.read_text().splitlines()
    assert lines[0] == "field,d,c,coherence"
    assert "real,4,10,0.434258545911" in lines
    assert not any(line.startswith("real,4,12,") for line in lines)  # a construction has it
    assert packing_look_up.lowest({1: 0.5, 2: 0.3}, {1: 0.4}) == {1: 0.4, 2: 0.3}
