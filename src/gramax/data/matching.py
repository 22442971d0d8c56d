"""Labels in files of their own, where files of embeddings were left out as they cannot be opened.

How many rows such a file has is not known. Its labels can be left out with it where there is a file
of labels for each file of embeddings; in one file for all nobody can tell which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from gramax.data.faults import fail
from gramax.data.labelfiles import LabelFile
from gramax.data.many import FileSource
from gramax.errors import InputError

T = TypeVar("T")


def one_to_one(files: Sequence[object], source: object) -> bool:
    """Whether some files of `source` were left out, and each had one of these `files` of labels."""
    return isinstance(source, FileSource) and 0 < len(source.unopened) < len(files) == len(
        source.listed
    )


def kept(files: list[T], source: object) -> list[T]:
    """The files of labels without those of files that were left out."""
    if not (isinstance(source, FileSource) and one_to_one(files, source)):
        return files
    left_out = set(source.unopened)
    return [one for one, of in zip(files, source.listed, strict=True) if of not in left_out]


def check_pairs(files: Sequence[LabelFile], source: FileSource) -> None:
    """Raise `InputError` unless each of `files` labels the rows of one opened file of `source`."""
    rows = {part.file: part.entry.shape[0] for part in source.parts}
    left_out = set(source.unopened)
    opened = [file for file in source.listed if file not in left_out]
    for labels, file in zip(files, opened, strict=True):
        count = rows.get(file, 0)  # files without rows are no parts
        if labels.rows != count:
            raise untold(source, f"{labels.where} has {labels.rows} for the {count} rows of {file}")


def untold(source: FileSource, why: str) -> InputError:
    """That the labels of a file that was left out cannot be told."""
    first, *others = source.unopened
    more = f" and {len(others)} more" if others else ""
    return fail(
        f"{first}{more}",
        f"cannot be opened, and which labels are its cannot be told: {why}; it can be left out "
        "with its labels where every file of embeddings has one of labels, or a column of them",
    )
