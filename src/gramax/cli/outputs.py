"""The files that commands write: checked before the work, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from gramax.errors import InputError


def check_outputs(paths: Sequence[str | None], *inputs: str | None) -> None:
    """`check_output` of each path that is given; and no two of them may be the same file."""
    seen: list[str] = []
    for path in filter(None, paths):
        check_output(path, *inputs)
        for other in seen:
            if _is_same(path, other):
                raise InputError(f"{path}: is to be written twice; give every output its own name")
        seen.append(path)


def _is_same(a: str, b: str) -> bool:
    """Whether two outputs are one file, there already or not; a device takes any number."""
    if os.path.exists(a) and os.path.exists(b):
        return os.path.isfile(a) and os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)


def check_output(path: str, *inputs: str | None) -> None:
    """Raise `InputError` where `path` plainly cannot be written, or is one of the inputs."""
    from gramax._files import check_writable

    check_writable(path)
    if not os.path.exists(path):
        return
    if any(_is_among(path, file) for given in inputs for file in _files(given)):
        raise InputError(f"{path}: is an input and is not written over")


def _files(given: str | None) -> list[str]:
    """The files that an input means (`folder`, `data/*.npy`, `file::name`)."""
    from gramax.data.formats import LABEL_READERS
    from gramax.data.paths import files_of, outermost, parse

    place = given or ""
    if "://" in place and parse(place).after:
        return [outermost(place)]  # all of it is in one archive
    if "::" in place and not os.path.exists(place):
        place = place.rpartition("::")[0]
    try:
        return [place, *files_of([place], LABEL_READERS)]
    except InputError:  # whoever reads it says why
        return [place]


def _is_among(path: str, given: str) -> bool:
    """Whether `path` is the file `given`, through links too, or one of those of a zarr store."""
    from gramax.data.paths import is_store

    if not os.path.exists(given):
        return False
    if not is_store(given):
        return os.path.samefile(path, given)
    inside = (os.path.join(at, name) for at, _, names in os.walk(given) for name in names)
    return any(os.path.samefile(path, file) for file in inside if os.path.exists(file))


def write_found(
    data: dict[str, Any], page: Callable[[], str], json_out: str | None, html_out: str | None
) -> None:
    """Write what was found as JSON and as a page; where one fails, the other all the same.

    Raises:
        InputError: a file cannot be written; the message tells of each.
    """
    from gramax._files import write_text

    failed = []
    for out, text in ((json_out, lambda: _json(data)), (html_out, page)):
        try:
            if out:
                write_text(out, text())
        except InputError as error:
            failed.append(str(error))
    if failed:
        raise InputError("; ".join(failed))


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"
