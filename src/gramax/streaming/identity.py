"""What tells one audit from another, and the difference in words: what a checkpoint compares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gramax._version import __version__
from gramax.data import Source
from gramax.data.labels import FileLabels, HeldLabels, LabelFile
from gramax.data.paths import state
from gramax.streaming.inputs import Classes
from gramax.streaming.tasks import Sizes


def identity(
    source: Source, classes: Classes, blocks: int, normalize: bool, sizes: Sizes
) -> dict[str, Any]:
    """Version, files, labels and the options that change the sums; ready for JSON.

    Options that only change how sums are read (--worst, --weighting) are not in here: a finished
    checkpoint answers for all of them. Neither are the engine and its workers.
    """
    return {
        "version": __version__,
        "options": {
            "--labels": classes.labels is not None,
            "--codes": classes.rowwise,
            "--raw": not normalize,
            "--explain": blocks > 1,
        },
        "source": source.fingerprint(),
        "labels": _labels(classes),
        "sizes": asdict(sizes),
    }


def _labels(classes: Classes) -> dict[str, Any]:
    about: dict[str, Any] = {
        "classes": len(classes.names),
        "names": _digest(name.encode() for name in classes.names) if classes.labelled else "",
    }
    whole = None if classes.labels is None else classes.labels.whole
    if isinstance(whole, FileLabels):
        about["files"] = [_label_file(one) for one in whole.files]
    elif isinstance(whole, HeldLabels):
        about["digest"] = _digest(codes.tobytes() for codes in whole.chunks(1 << 20))
    return about


def _label_file(labels: LabelFile) -> dict[str, Any]:
    return {"name": labels.where, **state(getattr(labels.entry, "file", labels.where))}


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()


def difference(old: Any, new: dict[str, Any]) -> str | None:
    """The first difference of two identities, in words; None where they are the same.

    Example:
        >>> difference({"version": "0.1"}, {"version": "0.2"})
        'it was written by gramax 0.1, and this is 0.2'
    """
    if old == new:
        return None
    if not isinstance(old, dict):
        return "it does not say which"
    if old.get("version") != new["version"]:
        return f"it was written by gramax {old.get('version')}, and this is {new['version']}"
    words = _of_files(old.get("source"), new["source"])
    if words:
        return f"the embeddings differ: {words}"
    options = _dict(old.get("options"))
    for name, value in new["options"].items():
        was = options.get(name)
        if was != value:
            return f"{name} was {_on(was)}, and is {_on(value)}"
    words = _of_files(old.get("labels"), new["labels"])
    return f"the labels differ: {words}" if words else "rows are cut in another way"


def _on(value: Any) -> str:
    return "on" if value is True else "off"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_files(old: Any, new: dict[str, Any]) -> str | None:
    """The first file that is new, gone or changed, or the first other value that differs."""
    if old == new:
        return None
    old = _dict(old)
    before, now = _by_name(old.get("files")), _by_name(new.get("files"))
    for name in now:
        if name not in before:
            return f"{name} was not among its {len(before)} files"
        if before[name] != now[name]:
            changed = [key for key in now[name] if before[name].get(key) != now[name][key]]
            return f"{name} has changed ({_changes(before[name], now[name], changed)})"
    for name in before:
        if name not in now:
            return f"{name} is not among the {len(now)} files now"
    if before and list(before) != list(now):
        return "the files are in another order"
    keys = [key for key in new if key != "files" and old.get(key) != new[key]]
    return _changes(old, new, keys) or "they are not the same"


def _by_name(files: Any) -> dict[str, dict[str, Any]]:
    listed = files if isinstance(files, list) else []
    return {str(one.get("name")): one for one in listed if isinstance(one, dict)}


def _changes(old: dict[str, Any], new: dict[str, Any], keys: list[str]) -> str:
    words = {
        "mtime_ns": "written at another time",
        "digest": "other values",
        "names": "other names",
    }
    return ", ".join(words.get(key, f"{key} was {old.get(key)}, is {new[key]}") for key in keys)
