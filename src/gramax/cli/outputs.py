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
    if os.path.exists(path):
        for given in filter(None, inputs):
            if os.path.exists(given) and os.path.samefile(path, given):
                raise InputError(f"{path}: is an input of this audit and is not written over")


def write_json(path: str, data: dict[str, Any]) -> None:
    """Write JSON data."""
    from gramax.files import write_text

    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")
