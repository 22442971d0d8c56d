"""Sources over arrays, the check of values, and the names shown on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gramax.data
from gramax._text import LONGEST_NAME, distinct_names, visible
from gramax.data import ArraySource, check_finite
from gramax.errors import InputError


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_bad_value_is_named(value, dtype):
    chunk = np.zeros((5, 4), dtype)
    chunk[3, 1] = chunk[3, 2] = chunk[4, 0] = value
    with pytest.raises(InputError, match=rf"^emb.npy: row 17, column 1 is {value}$"):
        check_finite(chunk, 14, "emb.npy")


def test_good_values_pass():
    check_finite(np.full((3, 2), np.finfo(np.float16).max, np.float16), 0, "x")
    check_finite(np.array([[-(2**63)]]), 0, "x")
    check_finite(np.asfortranarray(np.ones((4, 3))), 0, "x")


@pytest.mark.parametrize(
    ("array", "why"),
    [
        ([1.0, 2.0], r"matrix \[rows, columns\]; got float64 of shape \(2,\)"),
        (np.zeros((2, 3, 4)), r"got float64 of shape \(2, 3, 4\)"),
        (np.zeros((0, 3)), r"has no rows; got float64 of shape \(0, 3\)"),
        (np.zeros((3, 0)), "has no columns"),
        (np.zeros((2, 2), bool), "must be integers, .*; got bool"),
        (np.zeros((2, 2), complex), "got complex128"),
        (np.zeros((2, 2), np.longdouble), "got (long|float)"),
        ([["a", "b"]], "got str"),
        (np.array([[None]]), "Python objects"),
        ([[1.0], [1.0, 2.0]], "is not an array"),
        (np.ma.masked_array([[1.0, 2.0]], [[True, False]]), "masked"),
    ],
)
def test_arrays_that_are_refused(array, why):
    with pytest.raises(InputError, match=rf"^array: .*{why}"):
        ArraySource(array)


@pytest.mark.parametrize(("given", "dtype"), [("bfloat16", "float32"), (">f8", "float64")])
def test_odd_arrays_come_out_native(given, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1.5, -2.0]], ml_dtypes.bfloat16 if given == "bfloat16" else given)
    (_, chunk), *_ = ArraySource(array).chunks(4)
    assert (chunk.dtype.name, chunk.dtype.isnative) == (dtype, True)
    assert chunk.tolist() == [[1.5, -2.0]]


TEXTS = st.lists(st.text() | st.text("ab", min_size=75, max_size=90), unique=True, max_size=30)


@settings(deadline=None)
@given(TEXTS)
def test_names_are_distinct_short_and_printable(texts):
    names = distinct_names(texts)
    assert len(set(names)) == len(names) == len(texts)
    for text, name in zip(texts, names, strict=True):
        assert name.isprintable()
        assert len(name) <= LONGEST_NAME
        if text.isprintable() and len(text) <= LONGEST_NAME:
            assert name == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r", "a\\nb\\r"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b2J", "\\x9b2J"),
        ("naïve 猫", "naïve 猫"),
    ],
)
def test_controls_are_spelled_out(text, shown):
    assert visible(text) == shown


def test_names_that_become_alike_stay_distinct():
    assert distinct_names(["\x1b", "\\x1b"]) == ("\\x1b~2", "\\x1b")
    assert [name[-3:] for name in distinct_names(["y" * 100, "y" * 101])] == ["yy…", "…~2"]


def test_reading_imports_numpy_alone():
    package = Path(gramax.data.__file__).parents[1]
    script = (
        "import sys, types; sys.modules['gramax'] = g = types.ModuleType('gramax');"
        f"g.__path__ = [{str(package)!r}]; import gramax.data;"
        "heavy = {'jax', 'jaxtyping', 'pyarrow', 'pandas', 'rich', 'click'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    # A bare environment: a coverage tool or a site hook may import whatever it likes.
    env = {"PATH": os.environ.get("PATH", "")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
