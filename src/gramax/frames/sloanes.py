"""The format in which the Game of Sloanes takes packings and gives them.

2 d n lines, one number each: the real parts of the first vector, of the second, and so on, then all
imaginary parts in the same order (Jasper, King, Mixon, https://github.com/gnikylime/GameofSloanes).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from gramax._shapes import Complex, Inexact

MAX_LINE_CHARACTERS = 64  # A double in full needs 25


def name_problem(path: str | os.PathLike[str], c: int, d: int) -> str | None:
    """What is wrong with the name of a submission, or None."""
    if re.fullmatch(rf"{d}x{c}_[A-Za-z]{{3,4}}\.txt", Path(path).name):
        return None
    return f"a submission is called {d}x{c}_abc.txt, with three or four letters of yours for abc"


def as_text(codes: Inexact[np.ndarray, "c d"]) -> str:
    """Codes `[c, d]` as the text of a submission: 2 c d lines, every number in full.

    Example:
        >>> as_text(np.array([[1.0, 0.0], [0.6, 0.8j]])).split()
        ['1.0', '0.0', '0.6', '0.0', '0.0', '0.0', '0.0', '0.8']
    """
    numbers = np.concatenate([np.real(codes).ravel(), np.imag(codes).ravel()])
    numbers = numbers.astype(np.float64) + 0.0  # no -0.0
    return "".join(f"{number!r}\n" for number in numbers.tolist())


def read(path: str | os.PathLike[str], c: int, d: int) -> Complex[np.ndarray, "c d"]:
    """The codes in a file of this format, of a known size, to the doubles that `as_text` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is too long, or does not hold 2 c d finite numbers, one a line.
    """
    limit = 2 * c * d * MAX_LINE_CHARACTERS
    with Path(path).open("rb") as stream:
        text = stream.read(limit + 1)
    if len(text) > limit:
        raise ValueError(f"is longer than {c} codes in {d} dimensions can be")
    lines = text.decode("ascii", errors="replace").split()
    if len(lines) != 2 * c * d:
        raise ValueError(f"{c} codes in {d} dimensions are {2 * c * d} numbers; got {len(lines)}")
    try:
        numbers = np.array([float(line) for line in lines])
    except ValueError as error:
        raise ValueError(f"one number a line is expected: {error}") from None
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    real, imaginary = numbers.reshape(2, c, d)
    return real + 1j * imaginary
