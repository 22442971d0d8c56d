"""Checkpoints: what is done of an audit, in a file that is whole at any moment.

An .npz without pickles: `about`, a JSON text that says which audit this is and how far it came, and
the arrays of the moments and of the sampled rows. Tasks are merged in order, so the first `done`
of them are in, and what follows is exactly what would have followed.

One audit at a time has the file: it holds a lock on an empty file beside it, `.NAME.lock`. The
system drops the lock when the process ends, however it ends; the next audit takes the file away.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gramax._files import check_writable, lock, replacing
from gramax._version import __version__
from gramax.data import Source
from gramax.data.checks import decoding, fail
from gramax.data.labels import FileLabels, HeldLabels
from gramax.data.paths import state
from gramax.data.readers.numpy import npz_entries
from gramax.data.source import Entry
from gramax.errors import InputError
from gramax.moments.class_moments import ClassMoments
from gramax.streaming.inputs import Classes
from gramax.streaming.results import Totals, arrays_of
from gramax.streaming.tasks import MAX_SAMPLED_ROWS, Sizes, Task

SECONDS, SHARE = 5.0, 0.05
"""Between two saves at least, and the share of the time that saving may take."""

MAX_ABOUT = 1 << 28
"""Bytes of JSON: enough for a million files."""

KIND = "gramax checkpoint"


@dataclass
class Checkpoint:
    """The file of one audit, which may not exist yet; `about` tells this audit from others.

    `empty` are moments of no rows, of the right shapes.
    """

    path: Path
    about: dict[str, Any]
    empty: ClassMoments
    blocks: int
    tasks: int
    saved: int = -1
    due: float = 0.0
    part: str | None = None
    """The name of the temporary file, where no other audit can be using it."""
    groups: int = 0
    """Of rows that hang together."""

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        source: Source,
        classes: Classes,
        blocks: int,
        normalize: bool,
        tasks: list[Task],
    ) -> Checkpoint:
        """The checkpoint at `path` of this audit."""
        check_writable(path)
        about = identity(source, classes, blocks, normalize, tasks[0].sizes)
        n, c, d = source.rows, len(classes.names), source.dim
        empty = ClassMoments.empty(c, min(n, d), normalize=normalize, ambient=d if n < d else None)
        return cls(Path(path), about, empty, blocks, len(tasks), groups=tasks[0].groups)

    @contextmanager
    def alone(self) -> Iterator[Checkpoint]:
        """Keep other audits away from the file until the block, or this process, ends."""
        target = Path(os.path.realpath(self.path))
        beside = target.with_name(f".{target.name}.lock")
        try:
            file, locked = _locked(beside)
        except BlockingIOError:
            raise InputError(
                f"{self.path}: another audit is at work on it; wait for its end, or name another"
                " file"
            ) from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from None
        self.part = f".{target.name}.part" if locked else None
        try:
            yield self
        finally:
            beside.unlink(missing_ok=True)
            os.close(file)

    def load(self, skip_bad: bool) -> Totals:
        """What is done already; nothing where there is no file."""
        if not self.path.exists():
            return Totals()
        file = str(self.path)
        entries = {entry.name: entry for entry in npz_entries(file)}
        about = _about(entries.get("about"), file)
        other = difference(about.get("audit"), self.about)
        if other:
            raise fail(file, f"is a checkpoint of another audit: {other}; name another file")
        arrays = self._arrays(entries, file) if "rows" in entries else {}
        with decoding(file, "checkpoint"):
            totals = Totals.unpacked(about["progress"], arrays, self.empty)
            if not 0 <= totals.done <= self.tasks or totals.rows < 0:
                why = f"{totals.rows} rows in {totals.done} of {self.tasks} tasks done"
                raise ValueError(why)
        if totals.left_out and not skip_bad:
            one = totals.left_out[0].name
            raise fail(file, f"leaves out {len(totals.left_out)} fragments ({one}): add --skip-bad")
        self.saved = totals.done
        return totals

    def _arrays(self, entries: dict[str, Entry], file: str) -> dict[str, np.ndarray]:
        """The arrays, whose shapes are looked at before memory is taken for them."""
        rows = entries["rows"]
        m = rows.shape[0] if rows.rank == 2 else -1
        if not 0 <= m <= MAX_SAMPLED_ROWS or rows.dtype not in (np.float32, np.float64):
            raise fail(file, f"holds a sample of {rows.text}, which is none of an audit")
        wanted: dict[str, tuple[tuple[int, ...], Any]] = {
            "rows": ((m, self.empty.dim), rows.dtype),
            "labels": ((m,), np.int32),
            "numbers": ((m,), np.int64),
            "groups": ((m,), np.int64),
        }
        for k in range(self.blocks):
            for name, leaf in arrays_of(self.empty).items():
                wanted[f"{name}.{k}"] = leaf.shape, leaf.dtype
        arrays = {}
        for name, (shape, dtype) in wanted.items():
            entry = entries.get(name)
            if entry is None or (entry.shape, entry.dtype) != (shape, dtype):
                found = "nothing" if entry is None else entry.text
                why = f"holds {found} as {name}, where {np.dtype(dtype)} {list(shape)} belongs"
                raise fail(file, why)
            arrays[name] = _whole(entry)
        kinds = ("count.", "rows.", "left_out.")
        counts = [leaf.ravel() for name, leaf in arrays.items() if name.startswith(kinds)]
        labels, c = arrays["labels"], self.empty.num_classes
        if not (
            all((np.isfinite(leaf) & (leaf >= 0)).all() for leaf in counts)
            and ((labels >= 0) & (labels < c)).all()
            and ((arrays["groups"] >= -1) & (arrays["groups"] < max(self.groups, 1))).all()
            and np.isfinite(arrays["rows"]).all()
        ):
            raise fail(file, "holds counts, labels or rows that are none: remove the damaged file")
        return arrays

    def save_now_and_then(self, totals: Totals) -> None:
        """Save if the last time is long enough ago."""
        if time.monotonic() >= self.due:
            self.save(totals)

    def save(self, totals: Totals) -> None:
        """Save what is new, whole or not at all."""
        if totals.done == self.saved:
            return
        began = time.monotonic()
        progress, arrays = totals.packed()
        about = json.dumps({"kind": KIND, "audit": self.about, "progress": progress})
        arrays["about"] = np.frombuffer(about.encode(), np.uint8)
        with replacing(self.path, self.part) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        self.saved, now = totals.done, time.monotonic()
        self.due = now + max(SECONDS, (now - began) / SHARE)


def _about(entry: Entry | None, file: str) -> dict[str, Any]:
    if entry is None or entry.dtype != np.uint8 or entry.rank != 1:
        raise fail(file, "is not a checkpoint; name another file")
    if entry.shape[0] > MAX_ABOUT:
        raise fail(file, f"describes itself in {entry.shape[0]} bytes; at most {MAX_ABOUT}")
    with decoding(file, "checkpoint"):
        about = json.loads(_whole(entry).tobytes())
    if not isinstance(about, dict) or about.get("kind") != KIND:
        raise fail(file, "is not a checkpoint; name another file")
    return about


def _whole(entry: Entry) -> np.ndarray:
    if not entry.shape[0]:
        return np.zeros(entry.shape, entry.dtype)
    return next(entry.chunks(entry.shape[0]))[1]


def _locked(path: Path) -> tuple[int, bool]:
    """The file at `path`, made if need be, opened; and whether it is locked (else nothing is)."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            locked = lock(file)
            # The one who had it may have taken it away since it was opened.
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file, locked
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def identity(
    source: Source, classes: Classes, blocks: int, normalize: bool, sizes: Sizes
) -> dict[str, Any]:
    """What tells one audit from another, by the words for it; ready for JSON.

    Version, files, labels and the options that change the sums. Options that only change how sums
    are read (--worst, --weighting) are not in here: a finished checkpoint answers for all of them.
    Neither are the engine and its workers.
    """
    rows = dict(source.fingerprint())
    files: Any = rows.pop("files", [])
    digests = {"digest of the labels": _digest(())}
    for kind, given in (("labels", classes.labels), ("groups", classes.groups)):
        whole = given and given.whole
        if isinstance(whole, FileLabels):
            own = ((one.where, getattr(one.entry, "file", one.where)) for one in whole.files)
            files = [*files, *({"name": f"{kind} {name}", **state(file)} for name, file in own)]
        elif isinstance(whole, HeldLabels):
            pieces = (codes.tobytes() for codes in whole.chunks(1 << 20))
            digests[f"digest of the {kind}"] = _digest(pieces)
    options = {
        "--labels": classes.labels is not None,
        "--groups": classes.groups is not None,
        "--codes": classes.rowwise,
        "--raw": not normalize,
        "--probe or --explain": blocks > 1,
    }
    return {
        "version": __version__,
        **{one["name"]: {key: one[key] for key in one if key != "name"} for one in files},
        **{name: "on" if on else "off" for name, on in options.items()},
        **{f"{key} of the embeddings": value for key, value in rows.items()},
        **digests,
        "digest of the class names": _digest(name.encode() for name in classes.names),
        "rows of a chunk and a task": list(asdict(sizes).values()),
    }


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()


def difference(old: Any, new: dict[str, Any]) -> str | None:
    """The first difference of two identities, in words; None where they are the same.

    Example:
        >>> difference({"--raw": "on"}, {"--raw": "off"})
        '--raw was on, and is off'
        >>> difference({"a.npy": {"size": 3}, "b.npy": {}}, {"a.npy": {"size": 5}})
        'a.npy has changed'
    """
    if not isinstance(old, dict):
        return "it does not say which"
    both = old | new
    for key in sorted(both, key=lambda key: (key != "version", not isinstance(both[key], dict))):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if not isinstance(both[key], dict):
            return f"{key} was {was}, and is {now}"
        if was is None:
            return f"{key} was not among its files"
        return f"{key} has changed" if now else f"{key} is not among its files now"
    return None if list(old) == list(new) else "the files are in another order"
