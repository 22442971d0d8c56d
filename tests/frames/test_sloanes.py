"""The format of the Game of Sloanes: what is written is what is read, to the last bit."""

import numpy as np
import pytest

from gramax.frames import construct, sloanes


@pytest.mark.parametrize(("c", "d", "field"), [(7, 3, "complex"), (6, 3, "real")])
def test_round_trip_is_exact(tmp_path, c, d, field):
    codes = construct(c, d, field).codes
    path = tmp_path / f"{d}x{c}_abc.txt"
    path.write_text(sloanes.as_text(codes))
    np.testing.assert_array_equal(sloanes.read(path, c, d), codes)


def test_the_order_is_that_of_the_leader_board():
    """Real parts of vector after vector, then the imaginary parts, one number a line."""
    codes = np.array([[1 + 10j, 2 + 20j, 3 + 30j], [4 + 40j, 5 + 50j, 6 + 60j]])
    lines = sloanes.as_text(codes).splitlines()
    assert [float(v) for v in lines] == [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]
    assert "-0.0" not in sloanes.as_text(-np.eye(2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.6\n0.8\n0\n", "4 numbers; got 3"),
        ("0.6\n0.8\n0\nx\n", "one number a line"),
        ("0.6\n0.8\n0\nnan\n", "not finite"),
        ("0.6\n" * 1000, "longer than 1 codes in 2"),
        ("\udcff\n", "got 1"),
    ],
)
def test_what_is_no_packing_is_refused(tmp_path, text, words):
    path = tmp_path / "2x1_abc.txt"
    path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(ValueError, match=words):
        sloanes.read(path, 1, 2)


@pytest.mark.parametrize("name", ["5x3_abc.txt", "3x5_ab.txt", "3x5_a1b.txt", "3x5_abc.npy", ""])
def test_names_of_submissions(name):
    assert "3x5_abc.txt" in sloanes.name_problem(name, 5, 3)
    assert sloanes.name_problem("some/folder/3x5_ejk.txt", 5, 3) is None
