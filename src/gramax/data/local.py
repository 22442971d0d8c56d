"""Files on this machine."""

from __future__ import annotations

import os
import stat

from gramax.data.faults import cause, fail


def status(file: str) -> os.stat_result:
    """What the system says of `file`, which must be a regular file (opening a pipe would wait)."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except (OSError, ValueError) as error:
        raise fail(file, f"cannot be opened ({cause(error)})") from None
    if stat.S_ISDIR(found.st_mode):
        raise fail(file, "is a folder, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise fail(file, "is not a regular file")
    return found
