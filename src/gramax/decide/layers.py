"""What is ranked: files, arrays, or the layers of one file, each with a short name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any, NamedTuple

from gramax._text import visible
from gramax.data.paths import natural
from gramax.errors import InputError
from gramax.streaming import matrices_in

MAX_SPACES = 100
"""Spaces that are ranked at once."""


class Layer(NamedTuple):
    """One space: its short name, where it is, and which column of it is meant."""

    name: str
    source: Any
    column: str | None


def layers_of(sources: Any, each: str | None, column: str | None) -> tuple[Layer, ...]:
    """The spaces that are meant, in the order given; arguments as for `gramax.rank`.

    Raises:
        InputError: there are not two spaces, or more than a hundred.
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    if each is not None:
        found = _each(sources, each)
    elif isinstance(sources, Mapping):
        found = [Layer(str(name), source, column) for name, source in sources.items()]
    else:
        names = _names(list(sources))
        found = [Layer(n, one, column) for n, one in zip(names, sources, strict=True)]
    if not 2 <= len(found) <= MAX_SPACES:
        more = "" if each else "; the layers of one file are named by --each 'layer_*'"
        raise InputError(f"rank takes 2 to {MAX_SPACES} spaces; got {len(found)}{more}")
    return tuple(found)


def _each(files: Any, pattern: str) -> list[Layer]:
    """The matrices of files whose names match, by number where they differ by numbers alone."""
    found = []
    for file in files:
        if not isinstance(file, str | os.PathLike):
            raise InputError("--each names arrays in files; give an array its name in a mapping")
        path = os.fspath(file)
        every = matrices_in(path)
        names = [name for name in every if fnmatchcase(name, pattern)]
        if not names:
            has = ", ".join(visible(name) for name in every[:8]) or "no matrix with a name"
            raise InputError(f"{path}: no matrix is named like {pattern!r}; it has {has}")
        if len({re.sub(r"[0-9]+", "#", name) for name in names}) == 1:
            names.sort(key=natural)
        before = "" if len(files) == 1 else f"{PurePath(path).stem} "
        found += [Layer(f"{before}{visible(name)}", path, name) for name in names]
    return found


def _names(sources: Sequence[Any]) -> list[str]:
    """Short names of files; arrays are numbered.

    Example:
        >>> _names(["run/a.npy", "run/b.npy", [[1.0]]]), _names(["a/z.npy", "b/z.npy"])
        (['a', 'b', '3'], ['a/z', 'b/z'])
    """
    files = [os.fspath(one) if isinstance(one, str | os.PathLike) else None for one in sources]
    short = iter(short_names([file for file in files if file is not None]))
    return [str(k) if file is None else visible(next(short)) for k, file in enumerate(files, 1)]


def short_names(paths: Sequence[str]) -> list[str]:
    """Names of files without their ending; with folders in front as far as they differ.

    Example:
        >>> short_names(("a/run.jsonl", "b/run.jsonl"))
        ['a/run', 'b/run']
    """
    parts = [PurePath(os.path.abspath(path)).with_suffix("").parts for path in paths]
    for take in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-take:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    if paths:
        raise InputError(f"the same file is named twice: {', '.join(paths)}")
    return []
