"""The table of packings that gramax ships: ``python -m benchmarks.packing_look_up``.

Writes `known_packings.csv` of `gramax.frames`: real and complex coherences of the vectors kept in
`benchmarks/data/packings_best.npz`, and, for the real sizes c² d <= 20,000 that are not there, what
`pack(c, d, rounds=6)` reaches, some five seconds of a core each. Both are measured here, never
copied. Sizes that a construction answers, or a packing of more codes, are left out.
``--rounds 0`` writes what is kept and adds nothing.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator

from benchmarks import packing_store as store
from gramax import frames
from gramax.files import replacing
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
            writer.writerow((field, d, c, f"{math.ceil(value * 1e12) / 1e12:.12f}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=6, help="of the search for a size")
    rounds = parser.parse_args().rounds
    values = kept()
    for size in sizes_to_fill() if rounds else ():
        if size not in values:
            field, d, c = size
            values[size] = frames.pack(c, d, field, rounds=rounds).coherence
            print(f"{field} d={d} c={c} {values[size]:.12f}", flush=True)
    write(values)


if __name__ == "__main__":
    main()
