"""`python -m tests.fuzz [READER ...] --inputs N`: fuzz, and say what was found."""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.fuzz.mutators import mutated
from tests.fuzz.targets import TARGETS, judged, place

CORPUS = Path(__file__).parent / "corpus"

RESTARTS = 50
"""Faults after which a reader is given up: each ends the process that reads."""

SECONDS, MEMORY, LONGEST = 2.0, 1 << 30, 1 << 16
"""Of the processor, and bytes more than before, that reading one input may take; its bytes."""

CODE = """
import atheris
with atheris.instrument_imports(include=["gramax", "zipfile", "numpy.lib._format_impl"]):
    from tests.fuzz.__main__ import child
child()
"""
"""What a process runs that fuzzes: only what is imported so is guided by coverage."""

ADDRESSES = 24 << 30
"""Bytes of address space, so that a claim beyond it fails rather than being granted untouched."""


def main() -> int:
    """Fuzz the readers one after the other; 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=20_000, help="of every reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for the findings (default: a new one)")
    asked = parser.parse_args()
    if unknown := set(asked.readers) - set(TARGETS):
        parser.error(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install --group fuzz (Linux)")
    out = asked.out or Path(tempfile.mkdtemp(prefix="gramax-fuzz-"))
    print("reader        inputs  edges  faults  seconds", flush=True)
    faults = [fuzz(name, asked.inputs, asked.seed, out / name) for name in asked.readers or TARGETS]
    print(f"findings: {out}" if any(faults) else "no finding")
    return int(any(faults))


def fuzz(name: str, inputs: int, seed: int, folder: Path) -> int:
    """Fuzz one reader with so many inputs, and count the faults: files `crash-*`, `timeout-*`."""
    from tests.fuzz.handmade import HANDMADE
    from tests.fuzz.seeds import SEEDS

    began, corpus = time.monotonic(), folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    old = (file.read_bytes() for file in sorted((CORPUS / name).glob("*")))
    for at, data in enumerate([*SEEDS[name], *HANDMADE.get(name, {}).values(), *old]):
        (corpus / f"start-{at}").write_bytes(data)
    done = faults = edges = 0
    while done < inputs and faults < RESTARTS:
        command = [
            *(sys.executable, "-c", CODE, name),
            *(f"-runs={inputs - done}", f"-seed={seed + faults}", "-timeout=20", "-rss_limit_mb=0"),
            *(f"-max_len={LONGEST}", "-len_control=0", "-print_final_stats=1"),
            *(f"-artifact_prefix={folder}/", str(corpus)),
        ]
        environment = os.environ | {"JAX_PLATFORMS": "cpu"}
        run = subprocess.run(command, capture_output=True, env=environment, errors="replace")
        (folder / f"log-{faults}.txt").write_text(run.stdout + run.stderr)
        counts = re.findall(r"number_of_executed_units:\s*(\d+)", run.stderr)
        done += int(counts[-1]) if counts else 1
        edges = max(edges, *map(int, re.findall(r"cov: (\d+)", run.stderr)), 0)
        if run.returncode == 0:
            break
        faults += 1
    seconds = time.monotonic() - began
    print(f"{name:12}{done:8}{edges:7}{faults:8}{seconds:9.1f}", flush=True)
    return faults


def child() -> None:
    """The process that fuzzes one reader with libFuzzer, until a fault ends it."""
    import atheris

    from tests.fuzz.seeds import SEEDS

    name, peak = sys.argv.pop(1), 0
    warnings.simplefilter("error")  # a user would see it, and not know what to do
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    folder, valid = Path(tempfile.mkdtemp()), SEEDS[name]

    def one(data: bytes) -> None:
        nonlocal peak
        peak, began = peak or _peak(), time.process_time()
        judged(name, place(name, data, folder))
        assert time.process_time() - began < SECONDS, "slow"
        assert _peak() < peak + MEMORY, "memory"

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        data = rng.choice(valid) if rng.random() < 0.3 else data
        new = mutated(name, data, rng) if rng.random() < 0.7 else atheris.Mutate(data, len(data))
        return new[:longest]

    atheris.Setup(sys.argv, one, custom_mutator=mutate)
    atheris.Fuzz()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == "__main__":
    sys.exit(main())
