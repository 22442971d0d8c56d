"""`collect_codes`: a codebook as a user names it, its sums as rows, and its rows to pass over.

A codebook of up to `MAX_SAMPLED_CODES` numbers comes back whole from the pass that sums it. A
larger one is read again by each pass over its codes, which this process does itself: from plain
files.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.arrays.codebook import Codebook, Rows
from gramax.arrays.namespace import is_foreign, to_numpy
from gramax.data import Reading, Source
from gramax.data.chunks import numbered, rechunk
from gramax.data.paths import extension
from gramax.data.readers.numpy import npy_entries
from gramax.errors import InputError
from gramax.streaming.collection import Collected, Request
from gramax.streaming.execution import Progress
from gramax.streaming.inputs import is_places, open_source
from gramax.streaming.isolation import collect, reads_here


def collect_codes(request: Request, progress: Progress | None = None) -> tuple[Collected, Codebook]:
    """The codes as rows that were collected, and as a codebook; complex codes as twice the numbers.

    Raises:
        InputError: the codebook cannot be read, or is too large for its kind of file.
    """
    name, parts = _complex_parts(request.source)
    if parts is not None:
        if request.reading != Reading():
            raise InputError(f"{name or 'complex codes'}: complex codes are read as they are")
        request = replace(request, source=parts, column=None)
    found = collect(request, progress)
    if name:
        found = replace(found, name=name)
    sample = found.totals.sample
    counted = len(sample.rows) + round(float(sum(b.left_out.sum() for b in found.totals.blocks)))
    if counted >= found.rows or len(sample.rows) == found.rows:
        rows = sample.rows
        if len(rows) < found.rows:  # rows of zeros, or such as are left out, are no codes
            rows = np.zeros((found.rows, found.dim), rows.dtype)
            rows[sample.numbers] = sample.rows
        return found, Codebook.of_parts(rows, parts is not None)
    if not reads_here(request.source):
        size = f"{found.rows:,} × {found.dim:,}"
        raise InputError(
            f"{found.name}: a codebook of {size} numbers is read in passes, which takes a .npy or "
            ".safetensors file; write one with numpy.save"
        )
    how = request.execution
    opened, _ = open_source(
        request.source,
        request.column,
        how.skip_bad,
        request.known_bad,
        request.reading,
        request.labels,
    )
    return found, Codebook(found.rows, found.dim, _passes(opened))


def _passes(source: Source) -> Any:
    """What reads the rows of a source from one number on."""

    def read(start: int, size: int) -> Rows:
        def arrays():
            for one in source.fragments(sys.maxsize):
                first = one.first + max(start - one.start, 0)
                if first < one.first + one.rows:
                    for _, rows in one.entry.chunks(size, first, one.first + one.rows):
                        yield rows

        return numbered(rechunk(arrays(), size), start)

    return read


def _complex_parts(source: Any) -> tuple[str, np.ndarray | None]:
    """Complex codes as their real and then their imaginary parts, and the name of their file."""
    name = ""
    if is_places(source):
        places = [source] if isinstance(source, str | os.PathLike) else list(source)
        name = os.fspath(places[0])
        if len(places) > 1 or extension(name) != ".npy" or not os.path.isfile(name):
            return "", None
        [entry] = npy_entries(name)
        if entry.dtype.kind != "c" or entry.rank != 2 or not entry.shape[0]:
            return "", None
        source = np.concatenate([rows for _, rows in entry.chunks(1 << 16)])
    array = to_numpy(source) if is_foreign(source) else source
    if isinstance(array, list | tuple):
        try:
            array = np.asarray(array)
        except ValueError:  # lists of unlike lengths, which are refused where rows are read
            return "", None
    if getattr(getattr(array, "dtype", None), "kind", "") != "c" or np.ndim(array) != 2:
        return "", None
    return name, np.concatenate([np.real(array), np.imag(array)], axis=1)
