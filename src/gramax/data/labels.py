"""Labels: where they come from, and the class codes of the rows that they label.

Labels are arrays beside the embeddings, files of their own, or in memory. Those in files stay
there: they are read again, by whoever reads the rows. The first reading collects the classes, in
memory that grows with their number alone; the later ones turn labels into codes, chunk by chunk.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gramax._text import distinct_names
from gramax.data.checks import MAX_LABEL, MISSING, as_array, check_size, fail, is_missing
from gramax.data.chunks import rechunk
from gramax.data.formats import LABEL_READERS, PICKLES, find, list_entries, listing
from gramax.data.paths import PATTERN, Places, addresses, files_of, split_name, title
from gramax.data.source import Entry, FileSource, Source
from gramax.errors import InputError

IGNORED = -1
"""The label and the code of a row that belongs to no class."""

MAX_CLASSES = 1_000_000
"""More distinct labels are taken for a mistake, such as the column of row ids."""

Located = Iterable[tuple[str, int, np.ndarray]]
"""Chunks of labels: what messages call the place, the number of the first row there, the rows."""

SEVERAL = (
    "; where a row has several labels (multi-hot), each is audited by itself: [n] of whether the "
    "row has it, such as y[:, 0]"
)
"""What to do about more than one label a row."""

LABELS_AT_ONCE, BYTES_AT_ONCE = 1 << 16, 1 << 24
"""How many labels are read at once, or fewer where each is a wide text."""


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes that labels of one kind name.

    Attributes:
        names: of the classes, c of them.
        numbers: `[c]` uint64 in ascending order, the labels; None where they are texts.
        texts: the code of every text that labels a row.
    """

    names: tuple[str, ...]
    numbers: np.ndarray | None = None
    texts: Mapping[str, int] = field(default_factory=dict)

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        if self.numbers is not None and _is_numeric(labels):
            values, ignored = _whole_numbers(where, start, labels)
            at = np.minimum(np.searchsorted(self.numbers, values), len(self.names) - 1)
            if ((self.numbers[at] == values) | ignored).all():
                return np.where(ignored, IGNORED, at).astype(np.int32)
        elif self.numbers is None:
            values = _texts(where, start, labels)
            codes = {value: self.texts.get(_text(value)) for value in set(values)}
            codes[None] = IGNORED
            if None not in codes.values():
                return np.fromiter(map(codes.__getitem__, values), np.int32, len(values))
        raise fail(where, "has labels it did not have before; it changed while it was read")


@dataclass(frozen=True, eq=False)
class HeldLabels:
    """A `LabelPart` in memory, `[n]` of any integer dtype."""

    array: np.ndarray

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.array)

    def part(self, start: int, stop: int) -> HeldLabels:
        """The rows `start` to `stop`."""
        return HeldLabels(self.array[start:stop])

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The codes in pieces of `size` rows, int32."""
        for start in range(0, self.rows, check_size(size)):
            yield self.array[start : start + size].astype(np.int32)


@dataclass(frozen=True)
class LabelFile:
    """The rows `start` to `stop` of the labels in one file; `where` is what messages call it."""

    where: str
    entry: Entry
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """The number of labels."""
        return self.stop - self.start


def _chunks_of(files: Iterable[LabelFile]) -> Located:
    """The labels in all `files`, one after the other, a bounded number of bytes at a time."""
    for file in files:
        size = max(1, min(LABELS_AT_ONCE, BYTES_AT_ONCE // file.entry.dtype.itemsize))
        for row, labels in file.entry.chunks(size, file.start, file.stop):
            yield file.where, row, labels


@dataclass(frozen=True)
class FileLabels:
    """A `LabelPart` in `files`, whose labels name these `classes`."""

    files: tuple[LabelFile, ...]
    classes: Classes

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(file.rows for file in self.files)

    def part(self, start: int, stop: int) -> FileLabels:
        """The rows `start` to `stop`, with the files that hold them alone."""
        first, kept = 0, []
        for file in self.files:
            begin, end = max(start - first, 0), min(stop - first, file.rows)
            if begin < end:
                kept.append(replace(file, start=file.start + begin, stop=file.start + end))
            first += file.rows
        return FileLabels(tuple(kept), self.classes)

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The codes in pieces of `size` rows, int32."""
        codes = (self.classes.encode(*chunk) for chunk in _chunks_of(self.files))
        return rechunk(codes, check_size(size))


LabelPart = HeldLabels | FileLabels
"""The class codes of consecutive rows; picklable, without an open file."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of every row of a source.

    Attributes:
        names: the c names, distinct, of at most 80 printable characters: the decimal text of
            integer labels in ascending order, or the texts in alphabetical order.
        whole: the codes, 0..c-1, or -1 for a row to leave out; every class occurs.
    """

    names: tuple[str, ...]
    whole: LabelPart

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.whole.rows

    def part(self, start: int, stop: int) -> LabelPart:
        """The codes of the rows `start` to `stop`: those of a `Fragment`, say."""
        return self.whole.part(start, stop)

    @property
    def codes(self) -> np.ndarray:
        """All codes as one array, `[n]` int32: for as many rows as fit in memory."""
        return np.concatenate(list(self.whole.chunks(max(1, self.rows))))


def read_labels(
    spec: Places,
    source: FileSource | None,
    rows: int,
    *,
    most: int | None = MAX_CLASSES,
    columns: int = 0,
) -> Labels:
    """The labels of the rows of embeddings in files.

    Integers (of any width, or whole floats) label classes from 0 on; texts and booleans label
    classes by name. -1, NaN, null and the texts of `MISSING` leave a row out.

    Args:
        spec: the name of an array or column in every file of `source`; or where files of labels
            are, as `open_embeddings` takes it, .txt with one label a line too. Where such files
            hold several arrays, `file::name` picks one.
        source: what `open_embeddings` made of the files of embeddings; None where they come from
            memory.
        rows: the number of embeddings.
        most: the number of distinct labels that is an error to exceed; None for any number.
        columns: the length of the embeddings, for a hint where it is the number of labels.

    Returns:
        Class names, and codes that are read from the files anew where they are needed.

    Raises:
        InputError: there is no such array or file, it is not one label a row, it has another
            length than the embeddings, or a label is no class (the message names its row).
        MissingExtraError: the format needs a package that is not there.
    """
    written = addresses(spec)
    files = _beside(written, source) or _of_their_own(written, source)
    where = files[0].where if len(files) == 1 else title(written)
    count = sum(file.rows for file in files)
    if count != rows and source is not None and source.unopened:
        raise untold(source, f"{where} has {count} for the {rows} rows of the other files")
    name = "the embeddings" if source is None else source.name
    _check_count(count, rows, where, name, columns)
    classes = collect(_chunks_of(files), where, most=most)
    if any(file.entry.grain == 0 for file in files):  # it cannot be read in parts
        return _held(classes, _chunks_of(files))
    return Labels(classes.names, FileLabels(tuple(files), classes))


def labels_from_array(y: Any, rows: int, name: str = "labels", columns: int = 0) -> Labels:
    """The labels in an array or a sequence in memory, by the rules of `read_labels`.

    Args:
        y: `[n]` integers, whole floats, booleans or texts; what is missing leaves a row out.
        rows: the number of embeddings, n.
        name: what messages call it.
        columns: as for `read_labels`.
    """
    try:
        array = as_array(y, name)
    except InputError as error:
        lists = isinstance(y, Sequence) and any(isinstance(one, list | tuple | set) for one in y)
        raise InputError(f"{error}{SEVERAL if lists else ''}") from None
    _check_one_axis(array.shape, name)
    _check_count(len(array), rows, name, "the embeddings", columns)
    if array.dtype.kind in "US" and not isinstance(y, np.ndarray):
        array = np.array(list(y), dtype=object)  # a list of 1, "a", nan would be text throughout
    if array.dtype.kind in "OT":
        array = array.astype(object)
        kinds = set(map(type, known := [value for value in array if not _is_missing(value)]))
        if kinds and all(issubclass(one, float | int | np.number) for one in kinds - {bool}):
            filled = [IGNORED if _is_missing(value) else value for value in array]
            small = bool not in kinds and max(map(abs, known)) < 2**63
            whole = float if any(issubclass(one, float | np.floating) for one in kinds) else int
            array = np.array(list(map(whole, filled))) if small else array
    elif not _fits(array.dtype):
        raise fail(name, f"labels must be integers or text (y.astype(str)); got {array.dtype.name}")
    return _held(collect([(name, 0, array)], name, most=None), [(name, 0, array)])


def _held(classes: Classes, chunks: Located) -> Labels:
    """The codes of all `chunks` in the smallest dtype that holds them."""
    dtype = np.min_scalar_type(-len(classes.names))
    codes = [classes.encode(*chunk).astype(dtype) for chunk in chunks]
    return Labels(classes.names, HeldLabels(np.concatenate(codes)))


def _beside(written: Sequence[str], source: FileSource | None) -> list[LabelFile]:
    """The column or array of this name in every file of embeddings; nothing if there is none."""
    found: list[LabelFile] = []
    for part in source.parts if source is not None and len(written) == 1 else ():
        entry = find(part.siblings, written[0])
        if entry is None and not found:
            return []
        if entry is None:
            has = listing(part.siblings)
            raise fail(part.file, f"has no array or column {written[0]}; it has {has}")
        found.append(_whole(entry.where, entry))
        _check_count(found[-1].rows, part.entry.shape[0], entry.where, part.file)
    return found


def _of_their_own(written: Sequence[str], source: FileSource | None) -> list[LabelFile]:
    """The files of labels that are meant, without those of files that cannot be opened."""
    named = []
    for spec in written:
        place, name = split_name(spec)
        known = place.lower().endswith((*LABEL_READERS, *PICKLES)) or os.path.exists(place)
        if not (name or known or os.sep in place or PATTERN.search(place)):
            raise unknown(spec, source)
        named += [(file, name) for file in files_of([place], LABEL_READERS)]
    if source is None or not 0 < len(source.unopened) < len(named) == len(source.listed):
        return [_pick(file, name) for file, name in named]
    found, rows = [], {part.file: part.entry.shape[0] for part in source.parts}
    for labels, file in zip(named, source.listed, strict=True):
        if file not in source.unopened:
            found.append(_pick(*labels))
            where, count, own = found[-1].where, found[-1].rows, rows.get(file, 0)
            if count != own:  # files without rows are no parts
                raise untold(source, f"{where} has {count} for the {own} rows of {file}")
    return found


def unknown(spec: str, source: Source | None) -> InputError:
    """That labels are neither a file nor a column."""
    if source is None:
        return fail(spec, "no such file; beside an array, labels are a list or an array, one a row")
    named = listing([entry for entry in source.parts[0].siblings if entry.name])
    has = f"; {source.parts[0].file} has {named}" if named else ""
    return fail(spec, f"no such file, nor such an array or column{has}")


def _pick(file: str, name: str) -> LabelFile:
    """The labels in `file`: those called `name`, or the only ones."""
    entries = list_entries(file, LABEL_READERS)
    if name:
        entry = find(entries, name)
        if entry is None:
            raise fail(file, f"has no array or column {name}; it has {listing(entries) or 'none'}")
        return _whole(f"{file}::{name}", entry)
    fitting = [entry for entry in entries if entry.rank == 1 and _fits(entry.dtype)]
    if len(fitting) != 1 and len(entries) != 1:
        if fitting:
            pick = f"pick one with {file}::NAME"
            raise fail(file, f"has several arrays of labels: {listing(fitting)}; {pick}")
        raise fail(file, f"has no array of labels [n]; it has {listing(entries) or 'nothing'}")
    return _whole(file, (fitting or entries)[0])  # of the only one it is said what is wrong


def _fits(dtype: np.dtype) -> bool:
    return dtype.kind in "iubUST" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _whole(where: str, entry: Entry) -> LabelFile:
    """All of `entry`, which must be labels."""
    if entry.dtype.kind == "O":
        advice = "save integers or text: numpy.save('y.npy', numpy.array(y.tolist(), str))"
        raise fail(where, f"holds Python objects (a pickle), which are not read; {advice}")
    if not _fits(entry.dtype):
        several = SEVERAL if entry.text.startswith(("list", "large_list", "fixed_size")) else ""
        raise fail(where, f"labels must be integers or text; got {entry.text}{several}")
    if entry.dtype.kind in "US" and not 0 < entry.dtype.itemsize <= 4 * MAX_LABEL:
        raise fail(where, f"labels of {entry.dtype.itemsize} bytes each are not class names")
    _check_one_axis(entry.shape, where)
    return LabelFile(where, entry, 0, entry.shape[0])


def _check_one_axis(shape: tuple[int, ...], where: str) -> None:
    if len(shape) == 1:
        return
    advice = ""
    if len(shape) == 2 and shape[1] == 1:
        advice = "; y[:, 0] is of that shape"
    elif len(shape) == 2:
        one = "; of one-hot rows, logits or probabilities y.argmax(axis=1) is the label"
        advice = one + SEVERAL
    raise fail(where, f"labels must be one a row, of shape [n]; got shape {list(shape)}{advice}")


def _check_count(count: int, rows: int, where: str, source: str, columns: int = 0) -> None:
    if count != rows:
        if count == columns:
            turn = "if these are the vectors, say --transpose (or leave it out)"
            why = f"{count} labels for the {rows} rows of {source}, which has as many columns"
            raise fail(where, f"{why}: {turn}")
        header = count == rows + 1 and where.lower().endswith((".txt", ".csv", ".tsv"))
        ask = f"; is its first line a header? tail -n +2 {where} > labels.txt" if header else ""
        raise fail(where, f"{count} labels for the {rows} rows of {source}{ask}")


def untold(source: FileSource, why: str) -> InputError:
    """That the labels of a file that was left out cannot be told."""
    return fail(
        title(source.unopened),
        f"cannot be opened, and which labels are its cannot be told: {why}; it can be left out "
        "with its labels where every file of embeddings has one of labels, or a column of them",
    )


# Classes


def collect(chunks: Located, where: str, *, most: int | None = MAX_CLASSES) -> Classes:
    """The classes that occur in all `chunks` of labels.

    Args:
        chunks: integers, floats, booleans, fixed-width text, or objects that are texts or None.
        where: what messages call the labels as a whole.
        most: the number of distinct labels that is an error to exceed.
    """
    kinds: set[bool] = set()
    found: set = set()
    for at, start, chunk in chunks:
        kinds.add(_is_numeric(chunk))
        if len(kinds) > 1:
            raise fail(at, f"labels are all numbers or all texts; got {chunk.dtype.name} as well")
        distinct = _distinct_numbers if True in kinds else _distinct_texts
        found.update(distinct(at, start, chunk))
        if most is not None and len(found) > most:
            raise fail(at, f"has more than {most} different labels; they should name classes")
    if not found:
        raise fail(where, "labels no row: each is -1 or missing")
    order = sorted(found)
    if True in kinds:
        return Classes(tuple(map(str, order)), np.array(order, np.uint64))
    return Classes(distinct_names(order), None, {text: code for code, text in enumerate(order)})


def _is_numeric(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "iuf"


def _distinct_numbers(where: str, start: int, labels: np.ndarray) -> list[int]:
    """The distinct labels of a chunk, but for -1."""
    values, ignored = _whole_numbers(where, start, labels)
    return np.unique(values[~ignored]).tolist()


def _whole_numbers(where: str, start: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels of any integer or float dtype as uint64, and which rows are labelled -1 or NaN."""
    if labels.dtype.kind == "f":
        labels = np.where(np.isnan(labels), IGNORED, labels)
    good, what = labels >= IGNORED, "is negative"
    if labels.dtype.kind == "f":
        wide = labels.astype(np.float64)
        whole = np.isfinite(wide) & (wide == np.floor(wide)) & (np.abs(wide) < 2**63)
        if not whole.all():
            good, what = whole, "is not a whole number"
        labels = wide
    if not good.all():
        at = int(np.argmin(good))
        raise fail(where, f"row {start + at}: label {labels[at]} {what}; -1 leaves a row out")
    ignored = labels == IGNORED
    return np.where(ignored, 0, labels).astype(np.uint64), ignored


def _distinct_texts(where: str, start: int, labels: np.ndarray) -> set[str]:
    """The distinct labels of a chunk as texts."""
    values, texts = _texts(where, start, labels), set()
    for value in set(values) - {None}:
        text = _text(value)
        if len(text) > MAX_LABEL:
            row, length = start + values.index(value), len(text)
            raise fail(where, f"row {row}: a label of {length} characters is no class name")
        texts.add(text)
    return texts


def _texts(where: str, start: int, labels: np.ndarray) -> list[Any]:
    """Texts and booleans, and None for what is missing."""
    if labels.dtype.kind == "U":  # UTF-32
        # NumPy makes a broken str of numbers that are no characters, which crashes the
        # interpreter sooner or later.
        numbers = np.dtype(np.uint32).newbyteorder(labels.dtype.byteorder)
        if np.ascontiguousarray(labels).view(numbers).max(initial=0) > sys.maxunicode:
            stop = start + len(labels)
            raise fail(where, f"has text that is no Unicode in rows {start} to {stop}")
    values = labels.tolist()
    odd = set(map(type, values)) - {str, np.str_, bytes, bool, np.bool_, type(None)}
    for row, value in enumerate(values, start) if odd else ():
        if type(value) in odd and not _is_missing(value):
            raise fail(where, f"row {row}: a label of type {type(value).__name__} is not a text")
    return [None if _is_missing(value) else value for value in values]


def _is_missing(value: Any) -> bool:
    """Whether a label is none: missing itself, or a text that stands for one."""
    return _text(value) in MISSING if isinstance(value, str | bytes) else is_missing(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)
