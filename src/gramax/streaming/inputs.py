"""What an audit is given (paths, arrays, labels of any kind) as a source and its classes."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gramax.arrays.namespace import is_foreign, to_numpy
from gramax.data import (
    ArraySource,
    Labels,
    Reading,
    Source,
    labels_from_array,
    open_embeddings,
    read_labels,
)
from gramax.data.formats import READERS, find, part_of
from gramax.data.labels import unknown, untold
from gramax.data.memory import ArrayEntry
from gramax.data.paths import addresses, files_of, title
from gramax.data.source import FileSource
from gramax.errors import InputError
from gramax.streaming.results import LeftOut


@dataclass(frozen=True)
class Classes:
    """The names of the classes, whether rows are labelled (or codes), and their labels.

    There are none where all rows are of one class, or each is its own. `groups` are of rows that
    hang together, where they are named.
    """

    names: tuple[str, ...]
    labelled: bool = True
    labels: Labels | None = None
    groups: Labels | None = None

    @property
    def rowwise(self) -> bool:
        """Whether every row is a class of its own."""
        return self.labelled and self.labels is None

    @property
    def summed(self) -> int:
        """Classes whose rows are summed apart: codes are summed together, each has one row."""
        return 1 if self.rowwise else len(self.names)


def open_source(
    source: Any,
    column: str | None,
    skip_bad: bool = False,
    known_bad: Sequence[LeftOut] = (),
    reading: Reading | None = None,
    beside: Collection[str] = (),
) -> tuple[Source, tuple[LeftOut, ...]]:
    """A checked source of rows, and with `skip_bad` the files left out as they cannot be opened.

    Files of `known_bad`, of which that is known already, are not touched again. What stands
    `beside` the embeddings in columns of numbers (labels, groups, ids) is no dimension.
    """
    if not is_places(source):
        array = _on_host(source, "array")
        return ArraySource(array, column=column, reading=reading, beside=beside), ()
    if not skip_bad:
        return open_embeddings(source, column=column, reading=reading, beside=beside), ()
    written = addresses(source)
    files = files_of(written, READERS)
    bad = {one.name: one for one in known_bad if one.name in files}
    for file in files:
        try:
            # A file without rows does no harm.
            if file in bad:
                continue
            if (part := part_of(file, column, reading=reading, beside=beside)).entry.shape[0]:
                FileSource(file, (part,))
        except InputError as error:
            bad[file] = LeftOut(file, None, str(error))
    unopened = tuple(file for file in files if file in bad)
    good = [file for file in files if file not in bad]
    if not good and known_bad:
        raise InputError(bad[files[0]].reason)
    opened = open_embeddings(good or files, column=column, reading=reading, beside=beside)
    opened = replace(opened, name=title(written), listed=tuple(files), unopened=unopened)
    return opened, tuple(bad[file] for file in unopened)


def _on_host(given: Any, name: str) -> Any:
    """NumPy's array of one that another library made: NumPy takes none with a graph or on a GPU."""
    if not is_foreign(given):
        return given
    try:
        return to_numpy(given)
    except (TypeError, RuntimeError):  # sparse, quantised, float8, without values
        kind = (
            f"{str(given.dtype).removeprefix('torch.')} {str(given.layout).removeprefix('torch.')}"
        )
        dense = "dequantize()" if given.is_quantized else "to_dense().float()"
        why = f"a tensor that is {kind} on {given.device} is not read; give z.detach().{dense}"
        raise InputError(f"{name}: {why}") from None


def is_places(source: Any) -> bool:
    """Whether `source` names files, rather than being an array."""
    if isinstance(source, str | os.PathLike):
        return True
    listed = isinstance(source, Sequence) and len(source) > 0
    return listed and all(isinstance(one, str | os.PathLike) for one in source)


def classes_of(labels: Any, opened: Source, codes: bool) -> Classes:
    """The classes of the rows; without labels all rows are one, with `codes` each is its own."""
    n = opened.rows
    if labels is None:
        return Classes(tuple(map(str, range(n)))) if codes else Classes(("all",), labelled=False)
    given = _read_labels(_on_host(labels, "labels"), opened, codes)
    if not codes:
        return Classes(given.names, labels=given)
    return Classes(_numbered(["" if code < 0 else given.names[code] for code in given.codes]))


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Names of codes: one that comes again gets its row behind it, and so does one that is missing.

    Example:
        >>> print(_numbered(["the", "of", "the", ""]))
        ('the', 'of', 'the (row 2)', 'row 3')
    """
    known, found = set(), []
    for row, name in enumerate(names):
        again = f"{name} (row {row})" if name else f"row {row}"
        found.append(again if name in known or not name else name)
        known.add(name)
    return tuple(found)


def groups_of(groups: Any, opened: Source) -> Labels | None:
    """The groups of the rows: an array, files or a column, read as labels are."""
    if groups is None:
        return None
    given = to_numpy(groups) if is_foreign(groups) else groups
    found = _read_labels(given, opened, True, "groups")
    if len(found.names) < 2:
        raise InputError(
            f"the groups of {opened.name} are one group; error bars and held-out rows need several"
        )
    return found


def _read_labels(labels: Any, opened: Source, codes: bool, name: str = "labels") -> Labels:
    # A list of texts beside an array is its labels; beside files it may name files of labels.
    files = opened if isinstance(opened, FileSource) else None
    beside = find(opened.parts[0].siblings, labels) if isinstance(labels, str) else None
    if isinstance(beside, ArrayEntry):  # a column of a frame
        return labels_from_array(beside.array, opened.rows, beside.where)
    if isinstance(labels, str) and not files and opened.array and not os.path.exists(labels):
        raise unknown(labels, opened)
    if isinstance(labels, str | os.PathLike) or (files and is_places(labels) and all_exist(labels)):
        most = {"most": None} if codes else {}
        return read_labels(labels, files, opened.rows, columns=opened.dim, **most)
    sized = isinstance(labels, Sequence) or np.ndim(labels) > 0
    if files and files.unopened and sized and len(labels) != files.rows:
        raise untold(files, f"{len(labels)} {name} for the {files.rows} rows of the other files")
    return labels_from_array(labels, opened.rows, name, columns=opened.dim)


def all_exist(labels: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether a list of texts names files, rather than being labels itself."""
    return len(set(labels)) == len(labels) and all(map(os.path.exists, labels))
