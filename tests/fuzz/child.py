"""The process that fuzzes one reader with libFuzzer, until a fault ends it.

`python -m tests.fuzz.child READER FOLDER [libFuzzer options]`. Exceptions are noted in FOLDER and
the run goes on; so is an input that takes 2 seconds of the processor. A crash, a wait without end
or 1 GiB for one input end the process; FOLDER/under-way is then the input.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import random
import resource
import struct
import sys
import time
import traceback
import warnings
from pathlib import Path

MEMORY = 1 << 30
"""Bytes that reading one input may add to what the process holds."""

SECONDS = 2.0
"""Of the processor for one input."""

MEMORY_EXIT = 71

ADDRESSES = 24 << 30
"""Bytes of address space, so that a claim beyond it fails rather than being granted untouched."""


def main(name: str, folder: Path, options: list[str]) -> None:
    """Fuzz the reader `name`; findings go to `folder`."""
    import atheris

    with atheris.instrument_imports(include=["gramax", "zipfile", "numpy.lib._format_impl"]):
        from tests.fuzz import targets
    from tests.fuzz.mutators import mutated
    from tests.fuzz.seeds import SEEDS

    warnings.simplefilter("error")  # a user would see it, and not know what to do
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    notes, place, valid = Notes(folder), folder / "place", SEEDS[name]
    place.mkdir(exist_ok=True)

    def one(data: bytes) -> None:
        notes.begin(data)
        try:
            said = targets.judged(name, targets.place(name, data, place))
        except Exception as error:
            notes.fault(data, error)
            said = ""
        notes.end(data, said is None)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        data = rng.choice(valid) if rng.random() < 0.3 else data
        new = mutated(name, data, rng) if rng.random() < 0.7 else atheris.Mutate(data, len(data))
        return new[:longest]

    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate)
    atheris.Fuzz()


class Notes:
    """What is known of the run when it ends at any moment: counts, the input, the findings."""

    def __init__(self, folder: Path):
        self.folder = folder
        with (folder / "counts").open("r+b") as file:
            self.counts = mmap.mmap(file.fileno(), 16)
        self.seen: set[str] = set()
        self.peak = 0

    def begin(self, data: bytes) -> None:
        if not self.peak:
            self.peak = _peak() + MEMORY
        self.inputs, self.read = struct.unpack("<QQ", self.counts[:])
        (self.folder / "under-way").write_bytes(data)
        self.began = time.process_time()

    def end(self, data: bytes, read: bool) -> None:
        (self.folder / "under-way").unlink()
        if (seconds := time.process_time() - self.began) > SECONDS:
            self.keep("slow", data, f"{seconds} s")
        self.counts[:] = struct.pack("<QQ", self.inputs + 1, self.read + read)
        if _peak() > self.peak:
            self.keep("memory", data, f"peak {_peak() >> 20} MiB")
            os._exit(MEMORY_EXIT)

    def fault(self, data: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        self.keep(f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}", data, error)

    def keep(self, kind: str, data: bytes, why: object) -> None:
        """The first input of every kind of fault."""
        if kind in self.seen:
            return
        self.seen.add(kind)
        digest = hashlib.sha256(data).hexdigest()[:10]
        if list(self.folder.glob(f"found-{kind}-*")):
            return
        (self.folder / f"found-{kind}-{digest}").write_bytes(data)
        lines = traceback.format_exception(why) if isinstance(why, Exception) else [str(why)]
        (self.folder / f"why-{kind}-{digest}.txt").write_text("".join(lines), errors="replace")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
