"""The table of packings that gramax ships: ``python -m benchmarks.packing_look_up``.

Takes the coherences of the vectors kept in `benchmarks/data/packings_best.npz` into
`known_packings.csv` of `gramax.frames`, where they are lower than what is there. ``--search 6``
also runs `pack(c, d, rounds=6)` for the other real sizes with c² d <= 20,000, some four seconds of
a core each (409 sizes took 1,500). All of it is measured here, never copied. Sizes that a
construction answers, or a packing of more codes, are left out.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator

from benchmarks import packing_store as store
from gramax import frames
from gramax._files import replacing
from gramax.frames import known
from gramax.frames.codebooks import coherence
from gramax.frames.constructions import catalogue

WORK = 20_000
"""c² d up to which sizes are filled in."""

DIMENSIONS, MOST_CODES = range(3, 17), 64

Size = tuple[str, int, int]


def kept() -> dict[Size, float]:
    """The coherences of the vectors kept, by field, d and c."""
    found = {}
    for name, codes in store.load_best().items():
        field, d, c = name.split("-")
        found[field, int(d), int(c)] = coherence(codes)
    return found


def shipped() -> dict[Size, float]:
    """The coherences in the table."""
    return {(field, d, c): value for field, d, c, value in known.read_table()}


def sizes_to_fill() -> Iterator[Size]:
    """The real sizes within `WORK` that no construction answers."""
    for d in DIMENSIONS:
        for c in range(d + 2, min(MOST_CODES, math.isqrt(WORK // d)) + 1):
            if catalogue.best(c, d, "real") is None:
                yield "real", d, c


def useful(values: dict[Size, float]) -> dict[Size, float]:
    """The sizes that neither a construction nor a packing of more codes answers as well."""
    left = {}
    for size, value in sorted(values.items(), key=lambda item: (item[0][:2], -item[0][2])):
        field, d, c = size
        beaten = any(
            (f, e) == (field, d) and other <= value + 1e-12 for (f, e, _), other in left.items()
        )
        if not beaten and catalogue.best(c, d, field) is None:
            left[size] = value
    return dict(sorted(left.items()))


def write(values: dict[Size, float]) -> None:
    """Write the table, coherences rounded up in the twelfth digit: they are reached."""
    with replacing(known.TABLE) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("field", "d", "c", "coherence"))
        for (field, d, c), value in useful(values).items():
            reached = math.ceil(value * 1e12 - 1e-3) / 1e12  # what is rounded up already stays
            writer.writerow((field, d, c, f"{reached:.12f}"))


def lowest(*tables: dict[Size, float]) -> dict[Size, float]:
    """The lowest coherence of each size in any of the tables."""
    found: dict[Size, float] = {}
    for size, value in (item for table in tables for item in table.items()):
        found[size] = min(value, found.get(size, value))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--search", type=int, default=0, metavar="ROUNDS", help="fill sizes in")
    rounds = parser.parse_args().search
    measured = kept()
    for size in sizes_to_fill() if rounds else ():
        if size not in measured:
            field, d, c = size
            measured[size] = frames.pack(c, d, field, rounds=rounds).coherence
            print(f"{field} d={d} c={c} {measured[size]:.12f}", flush=True)
    write(lowest(shipped(), measured))


if __name__ == "__main__":
    main()
