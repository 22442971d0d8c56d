"""The full name of a metric, from the name that a report, a page or a person gives it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from gramax._text import visible
from gramax.errors import InputError


def full_name(name: str, known: Iterable[str], where: str = "") -> str:
    """The name in `known` that is meant by itself, or by the shorter one that reports show.

    Args:
        name: reports leave out the `class_` in front, and pages write spaces.
        known: full names.
        where: what the error message begins with, e.g. the option.

    Raises:
        InputError: there is no such name; the nearest ones are told.

    Example:
        >>> full_name("largest cosine", ["class_largest_cosine", "vci"])
        'class_largest_cosine'
    """
    known, plain = tuple(known), "_".join(name.split())
    for whole in (name, plain, f"class_{plain}"):
        if whole in known:
            return whole
    shown = [one.removeprefix("class_") for one in known]
    near = get_close_matches(plain.removeprefix("class_"), shown)
    hint = f"did you mean {' or '.join(near)}?" if near else "`gramax metrics` lists all"
    raise InputError(f"{where}{': ' if where else ''}no metric {visible(name[:80])!r}; {hint}")
