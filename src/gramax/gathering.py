"""From a source to moments: labels, chunks, blocks, and a sample of the rows, in one pass.

Chunks are summed in their own precision, then merged in float64 on the host, so the numbers do not
depend on how the rows were cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gramax.data import (
    ArraySource,
    Labels,
    Source,
    check_finite,
    labels_from_array,
    open_embeddings,
    read_labels,
)
from gramax.errorbars import BlockMoments
from gramax.errors import InputError
from gramax.moments import ClassMoments
from gramax.sampled import chosen

CHUNK_BYTES = 1 << 26
"""Bytes of float32 rows in a chunk."""

Progress = Callable[[int, int], None]
"""Told (rows done, rows in all) after every chunk."""


@dataclass(frozen=True)
class Classes:
    """The label of every row, the names of the classes, and whether labels were given."""

    labels: np.ndarray
    names: tuple[str, ...]
    labelled: bool


def open_source(source: Any, column: str | None) -> Source:
    """A path or an array as a checked source of rows."""
    if isinstance(source, str | os.PathLike):
        return open_embeddings(os.fspath(source), column=column)
    return ArraySource(source)


def classes_of(labels: Any, source: Any, opened: Source, codes: bool) -> Classes:
    """The class of every row; without labels all rows are one, with `codes` each is its own."""
    n = opened.rows
    given = None if labels is None else _read_labels(labels, source, opened)
    if codes:
        names = tuple(str(i) for i in range(n)) if given is None else _code_names(given, n)
        return Classes(np.arange(n, dtype=np.int32), names, True)
    if given is None:
        return Classes(np.zeros(n, np.int32), ("all",), False)
    return Classes(given.codes, given.names, True)


def _read_labels(labels: Any, source: Any, opened: Source) -> Labels:
    if isinstance(labels, str | os.PathLike):
        path = source if isinstance(source, str | os.PathLike) else None
        return read_labels(os.fspath(labels), path, opened.rows)
    return labels_from_array(labels, opened.rows)


def _code_names(given: Labels, n: int) -> tuple[str, ...]:
    if len(given.names) != n:
        raise InputError(
            f"with codes every row is a class of its own, but the {n} labels hold "
            f"{len(given.names)} different names"
        )
    return tuple(given.names[i] for i in given.codes)


def chunk_rows(n: int, c: int, d: int) -> int:
    """Rows of a chunk: a merge costs as much as c rows do, so it holds several times as many."""
    return min(n, max(1024, 4 * c, CHUNK_BYTES // (4 * d)))


def accumulate(
    source: Source, classes: Classes, blocks: int, normalize: bool, progress: Progress | None
) -> tuple[list[ClassMoments], np.ndarray]:
    """Moments of all rows in float64, in random blocks, and a sample of the rows themselves."""
    c, d, n = len(classes.names), source.dim, source.rows
    size = chunk_rows(n, c, d)
    wide = source.dtype == np.float64
    with jax.enable_x64(True):
        empty = ClassMoments.empty(c, d, normalize=normalize, dtype=jnp.float64)
        totals = [empty] * blocks
    sample, kept = chosen(n), []
    for start, z, y, weight in _padded(source, classes.labels, size):
        with jax.enable_x64(wide):
            if blocks == 1:
                parts = [ClassMoments.of(z, y, c, weight, normalize=normalize)]
            else:
                parts = _dealt(z, y, c, weight, start, blocks, normalize)
        with jax.enable_x64(True):
            totals = [t.merge(widened(p)) for t, p in zip(totals, parts, strict=True)]
        at = sample[(sample >= start) & (sample < start + size)] - start
        kept.append(z[at][(y[at] >= 0) & (z[at].any(axis=1) | (not normalize))])
        if progress:
            progress(min(start + size, n), n)
    return totals, np.concatenate(kept)


def _dealt(
    z: np.ndarray,
    y: np.ndarray,
    c: int,
    weight: np.ndarray | None,
    start: int,
    blocks: int,
    normalize: bool,
) -> list[ClassMoments]:
    """Moments of the chunk's rows in blocks; a row's block depends on its number alone."""
    empty = BlockMoments.empty(c, z.shape[1], blocks=blocks, normalize=normalize, dtype=z.dtype)
    parts = replace(empty, rows=start).update(z, y, weight).parts
    return [jax.tree.map(lambda leaf, k=k: leaf[k], parts) for k in range(blocks)]


def widened(moments: ClassMoments) -> ClassMoments:
    """The moments in float64 (in JAX's x64 mode)."""
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), moments)


def joined(blocks: list[ClassMoments]) -> ClassMoments:
    """The moments of all blocks together."""
    total, *rest = blocks
    for block in rest:
        total = total.merge(block)
    return total


def _padded(
    source: Source, labels: np.ndarray, size: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Checked chunks (start, z, y, weight) of one shape, the last filled with rows of weight 0."""
    for start, z in source.chunks(size):
        check_finite(z, start, source.name)
        if z.dtype != np.float64:
            z = z.astype(np.float32, copy=False)
        short, y = size - len(z), labels[start : start + len(z)]
        weight = None
        if source.rows > size:
            weight = np.pad(np.ones(len(z), z.dtype), (0, short))
            z, y = np.pad(z, ((0, short), (0, 0))), np.pad(y, (0, short))
        yield start, z, y, weight
