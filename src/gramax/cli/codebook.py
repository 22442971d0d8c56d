"""`gramax bounds` and `gramax codebook`: the floors of codes, and the best codes that are found."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from gramax.cli.options import OK, file_option, json_flag
from gramax.cli.outputs import check_output
from gramax.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from gramax.frames import Packing

STDERR = 2
"""The file descriptor of the standard error stream."""

number_of_codes = click.argument("c", type=click.IntRange(min=1))
dimensions = click.argument("d", type=click.IntRange(min=1))
field_option = click.option(
    "--field",
    type=click.Choice(["real", "complex"]),
    default="real",
    help="Whether codes are real or complex.",
)


@click.command()
@number_of_codes
@dimensions
@field_option
@click.option("--signed", is_flag=True, help="Bound the largest cosine, not the largest |cosine|.")
@json_flag
def bounds(c: int, d: int, field: str, signed: bool, as_json: bool) -> int:
    """Every lower bound on the coherence of C codes in D dimensions, and the largest."""
    _check_asked(c, d, field, signed)
    from gramax.frames import all_bounds, coherence_floor

    floor = coherence_floor(c, d, field, signed)
    rows = all_bounds(c, d, field, signed)
    if as_json:
        data = {"c": c, "d": d, "field": field, "signed": signed, "floor": vars(floor)}
        click.echo(json.dumps(data | {"bounds": [vars(row) for row in rows]}, indent=2))
    else:
        from gramax.render import terminal

        terminal.show_bounds(floor, rows)
    return OK


def _check_asked(c: int, d: int, field: str, signed: bool) -> None:
    """Raise `InputError` for numbers too large for bounds, and for complex codes with a sign."""
    from gramax.frames.bounds import sizes

    try:
        sizes.counts(c, d)
    except ValueError as error:
        raise InputError(str(error)) from None
    if signed and field == "complex":
        raise InputError("--signed is for real codes: complex ones have no signed cosine")


@click.command()
@number_of_codes
@dimensions
@field_option
@click.option("--signed", is_flag=True, help="Spread points: least largest cosine, not |cosine|.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to search.  [default: 10]",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Rounds of the search; without --seconds the codes depend on the seed alone.",
)
@click.option("--seed", default=0, show_default=True, help="The seed of the random starts.")
@file_option(
    "--start", metavar="FILE", help="Codes to improve: a .npy, or a .txt of the Game of Sloanes."
)
@file_option("--out", metavar="FILE", help="Write the codes; the best so far on Ctrl-C.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["npy", "txt", "sloanes"]),
    help="How --out is written: NumPy's .npy, a code a line, or as the Game of Sloanes takes it."
    "  [default: by the ending]",
)
@json_flag
def codebook(
    c: int,
    d: int,
    field: str,
    signed: bool,
    seconds: float | None,
    rounds: int | None,
    seed: int,
    start: str | None,
    out: str | None,
    form: str | None,
    as_json: bool,
) -> int:
    """Build the best codebook of C codes in D dimensions: by a formula or by descent.

    Ctrl-C (or SIGTERM) ends the search after the round, and the best so far is written; again, it
    ends at once.
    """
    _check_asked(c, d, field, signed)
    if out:
        check_output(out, start)
    write = _writer(out, form, c, d, signed)
    given = _start(start, c, d, field) if start else None

    from gramax.frames import coherence_floor, pack
    from gramax.frames.codebooks import coherence, unit
    from gramax.render.search_progress import search_display

    if seconds is None and rounds is None:
        seconds = 10.0
    floor = coherence_floor(c, d, field, signed)
    before = None if given is None else coherence(unit(given), signed)
    with _asked_to_stop() as asked, search_display(floor, seconds, rounds) as show:

        def tell(line: Any) -> bool:
            show(line)
            return bool(asked)

        found = pack(
            c, d, field, signed, seconds=seconds, rounds=rounds, key=seed, start=given, report=tell
        )
    write(found)
    if as_json:
        last = found.trace[-1] if found.trace else None
        told = {"c": c, "d": d, "field": field, "signed": signed, "coherence": found.coherence}
        told |= {"gap": found.gap, "floor": vars(found.floor), "given": before}
        told |= {"found": found.found, "stopped": found.stopped, "out": out}
        told |= {"rounds": last.round if last else 0, "seconds": last.seconds if last else 0.0}
        click.echo(json.dumps(told, indent=2))
    else:
        if before is not None:
            click.echo(f"given     {before:.12f}  {start}")
        click.echo(f"coherence {found.coherence:.12f}  gap {found.gap:.3e}  ({found.found})")
        click.echo(f"floor     {found.floor.value:.12f}  {found.floor.bound}")
        click.echo(f"stopped:  {'interrupted' if asked else found.stopped}")
        if out:
            click.echo(f"written:  {out}")
    return 128 + asked[0] if asked else OK


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """A list that the first Ctrl-C or SIGTERM puts its number into; the second interrupts."""
    asked: list[int] = []

    def hear(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        # Past Python's buffer, which the line that this signal interrupts may be going through.
        with suppress(OSError):
            os.write(STDERR, b"stopping after this round; Ctrl-C again leaves at once\n")

    main = threading.current_thread() is threading.main_thread()
    stops = (signal.SIGINT, signal.SIGTERM) if main else ()
    ours = [number for number in stops if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in ours}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _writer(
    out: str | None, form: str | None, c: int, d: int, signed: bool
) -> Callable[[Packing], None]:
    """What writes the codes; bad names and formats are refused before the search."""
    from gramax._files import write_array, write_text
    from gramax.frames import sloanes

    if form == "sloanes":
        if signed:
            raise InputError("--format sloanes is for lines: it does not go with --signed")
        problem = sloanes.name_problem(out or "", c, d)
        if problem:
            raise InputError(f"--out {out or '(not given)'}: {problem}")
    elif form and not out:
        raise InputError(f"--format {form}: nothing is written without --out FILE")
    if out is None:
        return lambda found: None
    form = form or ("txt" if out.endswith(".txt") else "npy")
    if form == "npy":
        return lambda found: write_array(out, found.codes)
    if form == "sloanes":
        return lambda found: write_text(out, sloanes.as_text(found.codes))

    def write_lines(found: Packing) -> None:
        """One code a line, numbers in full: `numpy.loadtxt` reads them (as dtype=complex too)."""
        rows = (" ".join(repr(v).strip("()") for v in row) for row in found.codes.tolist())
        write_text(out, "".join(f"{row}\n" for row in rows))

    return write_lines


def _start(path: str, c: int, d: int, field: str) -> np.ndarray:
    """The codes in a file; only as many bytes are read as such codes have."""
    import numpy as np

    from gramax.data.readers.numpy import npy_entries

    text = path.endswith(".txt")
    held = _sloanes_codes(path, c, d, field) if text else npy_entries(path)[0]
    if held.shape != (c, d) or held.dtype.kind not in "fc":
        words = f"is {held.dtype} of shape {list(held.shape)}"
        raise InputError(f"{path}: {words}; --start takes floats of shape [{c}, {d}]")
    if held.dtype.kind == "c" and field == "real":
        raise InputError(f"{path}: holds complex codes; add --field complex")
    codes = held if isinstance(held, np.ndarray) else next(held.chunks(c))[1]
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN warns when it is cast
        codes = codes.astype(np.complex128 if codes.dtype.kind == "c" else np.float64)
        lengths = np.linalg.norm(codes, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if bad.size:
        raise InputError(f"{path}: row {bad[0]} is zero or not finite, or its length is")
    return codes


def _sloanes_codes(path: str, c: int, d: int, field: str) -> np.ndarray:
    """The codes in a text of Sloane's format, real where they can be."""
    import numpy as np

    from gramax._text import cut, visible
    from gramax.frames import sloanes

    try:
        codes = sloanes.read(path, c, d)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{path}: {cut(visible(str(error)), 200)}") from None
    return codes if field == "complex" or np.imag(codes).any() else np.real(codes)
