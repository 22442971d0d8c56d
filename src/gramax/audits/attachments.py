"""What may come with the rows: a classifier's head, the other rows of pairs, rows of no class.

Each is read as embeddings are, from files of any format or from memory. The head is held against
the rows as it receives them: as they are stored, or on the unit sphere where the file says so, as
that of `--save-head` does.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.namespace import is_torch_array, to_numpy
from gramax.arrays.rows import unit_rows
from gramax.audits.report import Number
from gramax.data.formats import list_entries, part_of, reads_in_process
from gramax.data.paths import split_name
from gramax.data.readers import safetensors
from gramax.errors import InputError
from gramax.metrics import alignment, nc3_self_duality, nc3_uniform_duality, nc5_orthogonality
from gramax.metrics.classifier import agreement
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.streaming import Collected, Progress, Request, Sample, collect, joined
from gramax.uncertainty.chance.laws import Chance

RANDOM_PAIRS = "exact moments over all pairings of the rows"


class Attached(NamedTuple):
    """The numbers of what came with the rows, and what to say of how it was read."""

    numbers: dict[str, Number]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Attachments:
    """What comes with the rows, each an array, a path, or `file::name`; None where it does not."""

    head: Any = None
    bias: Any = None
    pairs: Any = None
    outliers: Any = None

    def check(self, labels: Any, codes: bool) -> None:
        """Raise `InputError` where one needs what is not given, before anything is read."""
        if self.bias is not None and self.head is None:
            raise InputError("a bias needs the weights that it belongs to: give --head too (head=)")
        for name, given in (("head", self.head), ("outliers", self.outliers)):
            if given is not None and (labels is None or codes):
                why = "is held against the means of classes"
                ask = "leave --codes out" if codes else "give --labels too (labels=)"
                raise InputError(f"--{name} {why}: {ask}")

    def measure(
        self, collected: Collected, request: Request, progress: Progress | None = None
    ) -> Attached:
        """The numbers of all that is given, beside the rows of `request` that are collected."""
        numbers: dict[str, Number] = {}
        notes: list[str] = []
        rows = _Rows(collected, request, progress)
        if self.head is not None:
            numbers |= _of_head(_head_of(self.head, self.bias, rows, notes), rows, notes)
        if self.outliers is not None:
            numbers |= _of_outliers(rows, rows.beside(self.outliers))
        if self.pairs is not None:
            numbers |= _of_pairs(collected, rows.beside(self.pairs), request.normalize)
        return Attached(numbers, tuple(notes))


@dataclass(frozen=True)
class _Rows:
    """The rows of an audit, and how others are read beside them."""

    collected: Collected
    request: Request
    progress: Progress | None

    def beside(self, source: Any) -> Collected:
        """Other rows, read and taken as those of the audit are; without labels."""
        source, column = place_and_column(source)
        if not str(source).endswith(".npy"):
            column = column or self.request.column
        how = replace(self.request.execution, checkpoint=None)
        asked = Request(source, None, column, normalize=self.request.normalize, execution=how)
        return collect(replace(asked, reading=self.request.reading), self.progress)

    def weights(self, head: Any) -> Collected:
        """The rows of a head as they are stored, whatever is said of those of the audit."""
        source, column = place_and_column(head)
        return collect(Request(source, None, column, normalize=False), self.progress)

    def moments(self, normalize: bool) -> ClassMoments:
        """The moments of these rows in their own coordinates, on the sphere or as they are."""
        found = self.collected
        if not _all_held(found) and normalize != self.request.normalize:
            how = replace(self.request.execution, checkpoint=None)
            asked = replace(self.request, blocks=1, normalize=normalize, execution=how)
            found = collect(asked, self.progress)
        return _moments(found, normalize)


def place_and_column(source: Any) -> tuple[Any, str | None]:
    """`file::name` as the file and the column that is meant; anything else as it is."""
    if not isinstance(source, str | os.PathLike):
        return source, None
    place, name = split_name(os.fspath(source))
    return place, name or None


def _all_held(collected: Collected) -> bool:
    counted = sum(float(np.sum(block.rows)) for block in collected.totals.blocks)
    return len(collected.totals.sample.rows) == round(counted)


def _moments(collected: Collected, normalize: bool) -> ClassMoments:
    """Moments in d coordinates: those of rows fewer than their dimensions are in fewer."""
    totals = collected.totals
    if _all_held(collected) or totals.blocks[0].ambient is not None:
        rows, labels = totals.sample[:2]
        c = len(collected.names)
        return ClassMoments.of(rows, labels, c, normalize=normalize, scatter=False).widened()
    return joined(totals.blocks)


# -- a classifier ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """A linear classifier.

    Attributes:
        name: what messages call it.
        weights: `[c, d]`, a row a class.
        bias: `[c]`, zeros where it has none.
        normalize: whether it takes rows on the unit sphere.
        classes: the names of its rows, where its file has them.
    """

    name: str
    weights: Float[np.ndarray, "c d"]
    bias: Float[np.ndarray, " c"]
    normalize: bool = False
    classes: tuple[str, ...] = field(default=())


def _head_of(head: Any, bias: Any, rows: _Rows, notes: list[str]) -> Head:
    """The head that is meant, checked against the dimensions of the rows."""
    found = rows.weights(head)
    weights, name, about = found.totals.sample.rows, found.name, {}
    path = split_name(os.fspath(head)) if isinstance(head, str | os.PathLike) else ("", "")
    if len(weights) != found.rows:
        raise InputError(f"{name}: {found.rows:,} classes are more than are held against rows")
    d = rows.collected.dim
    if weights.shape[1] != d:
        shape = f"weights of shape {list(weights.shape)}"
        ask = f"they must be [classes, {d}], as rows of {rows.collected.name} have {d} dimensions"
        if weights.shape[0] == d:
            ask += "; save their transpose: numpy.save('head.npy', W.T)"
        raise InputError(f"{name}: {shape}: {ask}")
    if path[0] and reads_in_process(path[0]):
        if path[0].lower().endswith(".safetensors"):
            about = safetensors.described(path[0])[1]
        if bias is None:
            bias = _bias_beside(*path)
            notes += [f"the bias of the head is {bias}"] if bias else []
    b = np.zeros(len(weights)) if bias is None else _vector(bias, len(weights))
    if b.shape != (len(weights),):
        shape = f"a bias of shape {list(b.shape)} for weights of shape {list(weights.shape)}"
        raise InputError(f"{name}: {shape}: it must be [{len(weights)}], one a class")
    return Head(name, weights, b, about.get("normalize") == "true", _classes_told(about))


def _classes_told(about: Mapping[str, str]) -> tuple[str, ...]:
    try:
        names = json.loads(about.get("classes", "[]"))
    except (ValueError, RecursionError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _bias_beside(file: str, name: str) -> str | None:
    """`file::fc.bias` for `file::fc.weight`, where there is such an array."""
    weights = part_of(file, name or None).entry.name
    wanted = weights.removesuffix("weights").removesuffix("weight") + "bias"
    there = [e for e in list_entries(file) if e.name == wanted != weights and e.rank == 1]
    return f"{file}::{wanted}" if there else None


def _vector(given: Any, c: int) -> Float[np.ndarray, " c"]:
    """An array, or the only one of a file that Python and NumPy read alone, or its `::name`."""
    if not isinstance(given, str | os.PathLike):
        found = np.asarray(to_numpy(given) if is_torch_array(given) else given)
        where = "bias"
    else:
        where = os.fspath(given)
        file, name = split_name(where)
        if not reads_in_process(file):
            raise InputError(f"{where}: a bias is read from .npy: numpy.save('bias.npy', b)")
        fits = [e for e in list_entries(file) if (e.name == name if name else e.rank == 1)]
        if len(fits) != 1 or fits[0].rank != 1 or fits[0].dtype.kind not in "iuf":
            has = ", ".join(f"{e.name} {e.text}".strip() for e in list_entries(file)) or "nothing"
            raise InputError(f"{where}: a bias is one array [classes], file::NAME; it has {has}")
        if fits[0].shape != (c,):  # nothing of another size is read
            raise InputError(f"{where}: a bias of shape {list(fits[0].shape)}: it must be [{c}]")
        found = next(fits[0].chunks(c))[1]
    if found.dtype.kind not in "iuf" or not np.all(np.isfinite(found)):
        raise InputError(f"{where}: a bias must be finite real numbers")
    return found.astype(np.float64)


def _places(head: Head, names: tuple[str, ...], notes: list[str]) -> Int[np.ndarray, " c"]:
    """Which row of the head belongs to each class: by its name, its number, or its place."""
    k, c = len(head.weights), len(names)
    if len(head.classes) == k:
        where = {name: row for row, name in enumerate(head.classes)}
        if lacking := [name for name in names if name not in where]:
            few = f"{', '.join(lacking[:3])}{' …' if len(lacking) > 3 else ''}"
            raise InputError(f"{head.name}: has no row for the classes {few}, which labels name")
        return np.array([where[name] for name in names])
    if k == c:
        return np.arange(c)
    numbers = np.array([int(name) if name.isdecimal() else k for name in names])
    if k > c and np.all(numbers < k):
        notes.append(f"the head has {k} classes, the labels {c}: label k is its row k")
        return numbers
    few = f"{', '.join(names[:3])}{' …' if c > 3 else ''}"
    ask = "give one row a class, in the order of their names (numbers by size, texts by alphabet)"
    shape = f"weights of shape {list(head.weights.shape)} for {c} classes ({few})"
    raise InputError(f"{head.name}: {shape}: {ask}")


def _of_head(head: Head, rows: _Rows, notes: list[str]) -> dict[str, Number]:
    """NC3 and NC4, of the rows as the head receives them."""
    k, on_sphere = len(head.weights), head.normalize
    places, moments = _places(head, rows.collected.names, notes), rows.moments(on_sphere)
    order = np.concatenate([places, np.setdiff1d(np.arange(k), places)])  # absent classes last
    weights, bias = head.weights[order].astype(np.float64), head.bias[order]
    means = np.zeros_like(weights)
    means[: len(places)] = Evidence(moments).origin_means
    z, labels = rows.collected.totals.sample[:2]
    if on_sphere != rows.request.normalize:
        how = "on the unit sphere" if on_sphere else "as they are, not on the unit sphere"
        notes.append(f"the head is held against rows {how}")
    if not _all_held(rows.collected):
        notes.append(f"nc4_agreement is of a random sample of {len(z):,} rows")
    z = unit_rows(z.astype(np.float64)) if on_sphere else z.astype(np.float64)
    with np.errstate(all="ignore"):
        values = {
            "nc3_self_duality": nc3_self_duality(weights, means),
            "nc3_uniform_duality": nc3_uniform_duality(weights, means),
            "nc4_agreement": agreement(moments, z, weights, bias, labels),
        }
    # The cosine of random weights with the means varies by 1/(kd), and NC3 is √(2-2cos).
    law = Chance(math.sqrt(2), math.sqrt(0.5 / weights.size), "weights of random directions")
    chance = {"nc3_self_duality": law}
    return {name: _number(name, float(v), chance.get(name)) for name, v in values.items()}


# -- rows of no class, and pairs ------------------------------------------------------------------


def _of_outliers(rows: _Rows, outliers: Collected) -> dict[str, Number]:
    """NC5: the class means and the mean of the outliers, both as the audit takes its rows."""
    _check_widths(rows.collected, outliers, "outliers")
    on_sphere = rows.request.normalize
    means, mean = (
        Evidence(_moments(one, on_sphere)).origin_means for one in (rows.collected, outliers)
    )
    value = float(nc5_orthogonality(means, mean[0]))
    return {"nc5_orthogonality": _number("nc5_orthogonality", value)}


def _of_pairs(collected: Collected, other: Collected, on_sphere: bool) -> dict[str, Number]:
    """Alignment, held against pairs that are put together at random."""
    _check_widths(collected, other, "the other rows of pairs")
    if collected.rows != other.rows:
        both = f"{other.rows:,} rows for the {collected.rows:,} of {collected.name}"
        raise InputError(f"{other.name}: {both}: row i of both is a pair, so it needs as many")
    x, y = (one.rows for one in in_common(collected.totals.sample, other.totals.sample))
    value = float(alignment(x, y))
    return {"alignment": _number("alignment", value, random_alignment(x, y))}


def in_common(*samples: Sample) -> list[Sample]:
    """The rows that all of these samples hold, in the order of their numbers."""
    shared = samples[0].numbers
    for one in samples[1:]:
        shared = np.intersect1d(shared, one.numbers, assume_unique=True)
    return [Sample(*(x[np.searchsorted(one.numbers, shared)] for x in one)) for one in samples]


def random_alignment(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d"]) -> Chance:
    """Mean and deviation of `alignment` over all n! pairings of the rows.

    The mean cosine of a random pairing is μ_x·μ_y, and its variance tr(X'X Y'Y)/(n²(n-1)), X and Y
    the centred unit rows (Hoeffding 1951).
    """
    x, y = (unit_rows(np.asarray(rows, np.float64)) for rows in (x, y))
    there = np.any(x, axis=1) & np.any(y, axis=1)
    x, y, n = x[there], y[there], int(there.sum())
    if n < 2:
        return Chance(math.nan, math.nan, RANDOM_PAIRS)
    mean = float(x.mean(axis=0) @ y.mean(axis=0))
    cross = (x - x.mean(axis=0)).T, (y - y.mean(axis=0)).T
    trace = float(np.sum((cross[0] @ cross[0].T) * (cross[1] @ cross[1].T)))
    return Chance(2 - 2 * mean, 2 * math.sqrt(max(trace, 0) / (n - 1)) / n, RANDOM_PAIRS)


def _check_widths(collected: Collected, other: Collected, what: str) -> None:
    if collected.dim != other.dim:
        both = f"{other.dim} dimensions where {collected.name} has {collected.dim}"
        raise InputError(f"{other.name}: {both}: {what} must be rows of the same space")


def _number(name: str, value: float, chance: Chance | None = None) -> Number:
    """A number, with the reason of its metric where it is undefined."""
    if not math.isfinite(value):
        return Number(value, METRICS[name].degenerate)
    return Number(value, chance=chance)
