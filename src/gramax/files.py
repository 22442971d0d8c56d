"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gramax.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without error.

    Raises:
        InputError: the folder does not exist, or cannot be written to.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix
        )
        os.close(handle)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` where `path` plainly cannot be written, before hours of work for it."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise InputError(f"{path}: cannot be written: there is no folder {str(folder)!r}")
    if Path(path).is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: cannot be written: not a file in a folder open to you")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_array(path: str | os.PathLike[str], array: Any) -> None:
    """Write an array as .npy, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.asarray(array), allow_pickle=False)
