"""The files that commands write: checked before the work, written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import Any

from gramax.errors import InputError


def check_output(path: str, *inputs: str | None) -> None:
    """Raise `InputError` where `path` plainly cannot be written, or is one of the inputs."""
    from gramax.files import check_writable

    check_writable(path)
    if not os.path.exists(path):
        return
    if any(_is_among(path, file) for given in inputs for file in _files(given)):
        raise InputError(f"{path}: is an input and is not written over")


def _files(given: str | None) -> list[str]:
    """The files that an input means (`folder`, `data/*.npy`, `file::name`)."""
    from gramax.data.formats import LABEL_READERS
    from gramax.data.places import files_of

    place = given or ""
    if "::" in place and not os.path.exists(place):
        place = place.rpartition("::")[0]
    try:
        return [place, *files_of([place], LABEL_READERS)]
    except InputError:  # whoever reads it says why
        return [place]


def _is_among(path: str, given: str) -> bool:
    """Whether `path` is the file `given`, through links too, or one of those of a zarr store."""
    from gramax.data.places import is_store

    if not os.path.exists(given):
        return False
    if not is_store(given):
        return os.path.samefile(path, given)
    inside = (os.path.join(at, name) for at, _, names in os.walk(given) for name in names)
    return any(os.path.samefile(path, file) for file in inside if os.path.exists(file))


def write_json(path: str, data: dict[str, Any]) -> None:
    """Write JSON data."""
    from gramax.files import write_text

    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")
