"""Which files this process reads itself, and which a child process does.

Plain files (.npy, .npz, .safetensors) and arrays are read here. Every other format is read by a
library in C, which a damaged or hostile file may crash, hang, or make ask for all memory: such
files are opened, read and summed in a child process with limits (see `child`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gramax.data.formats import LABEL_READERS, READERS, Readers, reads_in_process
from gramax.data.paths import addresses, extension, files_of, is_address, split_name
from gramax.errors import InputError
from gramax.streaming.collection import (
    Collected,
    Opened,
    Request,
    RowStream,
    collect_here,
    matrices_here,
    streamed_here,
)
from gramax.streaming.execution import Progress
from gramax.streaming.inputs import all_exist, is_places


def collect(request: Request, progress: Progress | None = None) -> Collected:
    """Read and sum all rows, in this process or in a child that may die of what it reads."""
    named = request.labels, request.groups, request.ids
    plain = all(_is_no_file(one) or _is_plain(one, LABEL_READERS) for one in named)
    if plain and reads_here(request.source):
        return collect_here(request, progress)
    from gramax.streaming.child import collect_in_child

    return collect_in_child(request, progress)


def matrices_in(file: str) -> tuple[str, ...]:
    """The names of the matrices in a file.

    Raises:
        InputError: it cannot be read.
    """
    if reads_in_process(split_name(file)[0]):
        return matrices_here(file)
    from gramax.streaming.child import matrices_from_child

    return matrices_from_child(file)


def streamed(wanted: RowStream) -> AbstractContextManager[tuple[Opened, Iterator[np.ndarray]]]:
    """A source, and its rows in chunks of some megabytes; those that are not finite are refused."""
    if reads_here(wanted.source):
        return streamed_here(wanted)
    from gramax.streaming.child import streamed_from_child

    return streamed_from_child(wanted)


def reads_here(source: Any) -> bool:
    """Whether this process reads a source itself: an array, or plain files."""
    return _is_plain(source, READERS)


def _is_no_file(labels: Any) -> bool:
    """Whether these are labels themselves, or the name of an array beside the embeddings."""
    if not isinstance(labels, str | os.PathLike):
        return not (is_places(labels) and all_exist(labels))
    spec = os.fspath(labels)
    named = "://" not in spec and not set(spec) & set("*?[")
    return named and not os.path.exists(split_name(spec)[0])


def _is_plain(given: Any, readers: Readers) -> bool:
    """Whether it is no file, or files that this process reads itself."""
    if not is_places(given):
        return True
    places = [split_name(place)[0] for place in addresses(given)]
    # What is in the memory of this process is not in a child's.
    local = [place for place in places if "memory://" not in place]
    if any(map(is_address, local)):
        return False
    try:
        files = files_of(local, readers) if local else []
    except InputError:
        return True  # it is said when they are opened
    lines = readers is LABEL_READERS  # of .txt files, which this process reads itself
    return all(reads_in_process(file) or (lines and extension(file) == ".txt") for file in files)
