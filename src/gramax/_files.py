"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gramax.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike[str], part: str | None = None) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without error.

    A link is followed, and what is no file (a pipe, /dev/stdout) is written straight to. `part` is
    the name of the temporary file, for files that one process writes at a time: it replaces what a
    process that was killed has left of it. Else the name is random.

    Raises:
        InputError: the folder does not exist, or cannot be written to.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            yield Path(path)
            return
        target = Path(os.path.realpath(path))
        if part is None:
            prefix = f".{target.name}."
            handle, name = tempfile.mkstemp(target.suffix, prefix, target.parent)
            temporary = Path(name)
        else:
            temporary = target.parent / part
            temporary.unlink(missing_ok=True)
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.close(handle)
        try:
            yield temporary
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def lock(file: int) -> bool:
    """Hold an open file against other processes until it is closed; False without such locks.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return False
    return True


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder at `path`, made where it is missing.

    Raises:
        InputError: it cannot be made, or is a file.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder: {error.strerror}") from None
    return Path(path)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` where `make_folder` plainly fails, before any work; nothing is made."""
    place = Path(os.path.abspath(path))
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        where = f"{str(place)!r} is not a folder open to you"
        raise InputError(f"{path}: cannot be made a folder: {where}")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` where `path` plainly cannot be written, before hours of work for it."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise InputError(f"{path}: cannot be written: there is no folder {str(folder)!r}")
    if Path(path).is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: cannot be written: not a file in a folder open to you")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_safetensors(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays of float64 as .safetensors, whole or not at all."""
    shapes = {name: array.shape for name, array in arrays.items()}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(safetensors_head(shapes, np.dtype("<f8"), metadata))
        for array in arrays.values():
            stream.write(np.ascontiguousarray(array, "<f8").data)


def safetensors_head(
    shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype, metadata: Mapping[str, str]
) -> bytes:
    """What stands before the numbers of arrays of one dtype, a float.

    Format: https://huggingface.co/docs/safetensors
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at, kind = 0, f"F{8 * dtype.itemsize}"
    for name, shape in shapes.items():
        size = math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_array(path: str | os.PathLike[str], array: Any) -> None:
    """Write an array as .npy, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        # Without its other methods, or NumPy writes past it and does not say why that failed.
        bare: Any = SimpleNamespace(write=stream.write)
        np.save(bare, np.asarray(array), allow_pickle=False)
