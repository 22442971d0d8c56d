"""The files that commands write: checked before the work, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gramax.cli.options import CROSSED, OK
from gramax.cli.progress import showing
from gramax.errors import InputError

if TYPE_CHECKING:
    from gramax.audits.report import Report
    from gramax.decide.decision import Decision


def check_outputs(paths: Sequence[str | None], *inputs: str | None) -> None:
    """`check_output` of each file that is given; and no two of them may be the same."""
    seen: list[str] = []
    for path in paths:
        if not path or path == "-":
            continue
        check_output(path, *inputs)
        for other in seen:
            same = os.path.realpath(path) == os.path.realpath(other)
            if os.path.exists(path) and os.path.exists(other):  # a device takes any number
                same = os.path.isfile(path) and os.path.samefile(path, other)
            if same:
                words = "is to be written twice; give every output its own name"
                raise InputError(f"{path}: {words}")
        seen.append(path)


def check_output(path: str, *inputs: str | None) -> None:
    """Raise `InputError` where `path` plainly cannot be written, or is one of the inputs."""
    from gramax._files import check_writable
    from gramax.data.paths import is_store

    check_writable(path)
    if not os.path.exists(path):
        return
    read = [file for given in inputs if given for file in _files(given) if os.path.exists(file)]
    for store in filter(is_store, read.copy()):
        read += [os.path.join(at, name) for at, _, names in os.walk(store) for name in names]
    if any(os.path.samefile(path, file) for file in read if os.path.exists(file)):
        raise InputError(f"{path}: is an input and is not written over")


def _files(given: str) -> list[str]:
    """The files that an input means (`folder`, `data/*.npy`, `file::name`)."""
    from gramax.data.formats import LABEL_READERS
    from gramax.data.paths import files_of, outermost, parse

    if "://" in given and parse(given).after:
        return [outermost(given)]  # all of it is in one archive
    if "::" in given and not os.path.exists(given):
        given = given.rpartition("::")[0]
    try:
        return [given, *files_of([given], LABEL_READERS)]
    except InputError:  # whoever reads it says why
        return [given]


def leave(
    found: Report | Decision,
    json_out: str | None,
    html_out: str | None,
    broken: Sequence[str | None] = (),
) -> int:
    """Print what was found, write it as JSON and as a page, and tell which conditions it broke.

    Where one file cannot be written, the other is all the same; `InputError` tells of each.
    """
    from gramax import _files
    from gramax.audits.report import Report
    from gramax.render import terminal

    def as_json() -> str:
        return json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n"

    def as_page() -> str:
        from gramax.render.page import audit_page, decision_page

        return audit_page(found) if isinstance(found, Report) else decision_page(found)

    if json_out == "-":
        click.echo(as_json(), nl=False)
        json_out = None
    else:
        terminal.show(found)
    failed = []
    with showing() as progress:
        progress("drawing", 0, 1, 0)
        for out, text in ((json_out, as_json), (html_out, as_page)):
            try:
                if out:
                    _files.write_text(out, text())
            except InputError as error:
                failed.append(str(error))
    if failed:
        raise InputError("; ".join(failed))
    words = [one for one in broken if one]
    for one in words:
        click.echo(f"failed: {one}", err=True)
    return CROSSED if words else OK
