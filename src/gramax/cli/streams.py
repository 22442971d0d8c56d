"""The standard streams of the command: there, able to show every character, and whole at the end.

A stream that the parent has closed goes nowhere. One whose reader went away (`| head`), or whose
disk is full, takes the rest silently, so that the files of the command are written all the same.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from typing import Any

from gramax.cli.options import BAD_INPUT

INSTEAD = (
    "●+ ◐~ ○! –- —- −- ×x ·- →-> ↑^ ↓v ▲^ ▼v ◆* ±+/- ≤<= ≥>= ≠!= …... ▁1 ▂2 ▃3 ▄4 ▅5 ▆6 ▇7 █8 "
    "²^2 ³^3 ᵀ^T ⁻^- ⁺^+ ½1/2 √sqrt ∞inf ⟨< ⟩>"
)
PLAIN = {pair[0]: pair[1:] for pair in INSTEAD.split()}
"""What is shown instead of a character that the terminal does not have."""


class Stream(io.TextIOWrapper):
    """A text stream that forgets what it cannot write; `failed` is the first reason."""

    failed: OSError | None = None

    def write(self, text: str, /) -> int:
        """Write, or forget; the number of characters."""
        try:
            return super().write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """Hand on what was written, or forget it."""
        try:
            super().flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failed = self.failed or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        super().flush()


def prepare() -> None:
    """Put `Stream`s in the place of standard output and standard error."""
    # With one of the first three closed, the next file that is opened takes its number, and what
    # a library prints there would end up in the file.
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(file, True)
    os.close(file)
    codecs.register_error("gramax.plain", plain)
    for number, name in ((1, "stdout"), (2, "stderr")):
        given: Any = getattr(sys, name)
        if given is None:  # the parent has closed it
            stream = Stream(os.fdopen(number, "wb", closefd=False), "utf-8", "gramax.plain")
        else:
            given.flush()
            lines = given.line_buffering
            stream = Stream(given.buffer, given.encoding, "gramax.plain", line_buffering=lines)
        setattr(sys, name, stream)


def finish(code: int) -> int:
    """Flush, and the exit code: `code`, or that of output which could not be written."""
    out = sys.stdout
    out.flush()
    sys.stderr.flush()
    if isinstance(out, Stream) and out.failed and not isinstance(out.failed, BrokenPipeError):
        print(f"gramax: standard output: cannot be written: {out.failed.strerror}", file=sys.stderr)
        return code or BAD_INPUT
    return code


def plain(error: UnicodeError) -> tuple[str, int]:
    r"""A codec's error handler: what the encoding lacks in plain letters, or as its number.

    Example:
        >>> codecs.register_error("gramax.plain", plain)
        >>> "3 × 4 · σ ≤ 中".encode("ascii", "gramax.plain")
        b'3 x 4 - sigma <= \\u4e2d'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    name = unicodedata.name(character, "").split()
    if name[:1] == ["GREEK"] and len(name) == 4:
        return name[-1].lower()
    parts = unicodedata.normalize("NFKD", character)
    simple = "".join(part for part in parts if not unicodedata.combining(part))
    return simple if simple.isascii() else character.encode("ascii", "backslashreplace").decode()
