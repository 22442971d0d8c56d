"""`python -m tests.fuzz [READER ...] --inputs N`: fuzz, and say what was found."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.handmade import HANDMADE
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"

RESTARTS = 50
"""Times that a process may die before a reader is given up."""

LONGEST = 1 << 16
"""Bytes of an input."""


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
    print("reader        inputs   read  corpus  edges  deaths  faults  seconds", flush=True)
    faults = [fuzz(name, asked.inputs, asked.seed, out / name) for name in asked.readers or TARGETS]
    print(f"findings: {out}" if any(faults) else "no finding")
    return int(any(faults))


def fuzz(name: str, inputs: int, seed: int, folder: Path) -> int:
    """Fuzz one reader with so many inputs, and count the faults."""
    corpus, began = folder / "corpus", time.monotonic()
    corpus.mkdir(parents=True, exist_ok=True)
    for at, data in enumerate(starts(name)):
        (corpus / f"start-{at}").write_bytes(data)
    (folder / "counts").write_bytes(bytes(16))
    done = read = deaths = 0
    with (folder / "log.txt").open("wb") as log:
        while done < inputs and deaths < RESTARTS:
            code = _child(name, folder, inputs - done, seed + deaths, log)
            done, read = struct.unpack("<QQ", (folder / "counts").read_bytes())
            if code == 0:
                break
            deaths += 1
            done += 1  # the input that ended it, which is not counted, and is not met again
            (folder / "counts").write_bytes(struct.pack("<QQ", done, read))
            _keep_death(folder, code)
    faults = len(list(folder.glob("found-*")))
    edges = _edges(folder / "log.txt")
    kept = len(list(corpus.iterdir()))
    seconds = time.monotonic() - began
    print(
        f"{name:12}{done:8}{read:7}{kept:8}{edges:7}{deaths:8}{faults:8}{seconds:9.1f}", flush=True
    )
    return faults + (done < inputs)


def starts(name: str) -> list[bytes]:
    """Where the fuzz of a reader starts: valid files, hostile ones made by hand, old findings."""
    kept = CORPUS / name
    old = [file.read_bytes() for file in sorted(kept.iterdir())] if kept.is_dir() else []
    return [*SEEDS[name], *HANDMADE.get(name, {}).values(), *old]


def _child(name: str, folder: Path, runs: int, seed: int, log: object) -> int:
    options = [
        f"-runs={runs}", f"-seed={seed}", "-timeout=20", f"-max_len={LONGEST}", "-len_control=0",
        "-rss_limit_mb=0", f"-artifact_prefix={folder}/place/", str(folder / "corpus"),
    ]  # fmt: skip
    command = [sys.executable, "-m", "tests.fuzz.child", name, str(folder), *options]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, stdout=log, stderr=log, env=environment).returncode


def _keep_death(folder: Path, code: int) -> None:
    """The input that was being read when the process ended (none: its note is there already)."""
    file = folder / "under-way"
    if not file.exists():
        return
    kind = {70: "timeout", -signal.SIGALRM: "timeout"}.get(code, f"crash{code}")
    data = file.read_bytes()
    file.rename(folder / f"found-{kind}-{len(list(folder.glob(f'found-{kind}-*')))}")
    for start in (folder / "corpus").iterdir():  # it would end every process to come
        if start.read_bytes() == data:
            start.unlink()


def _edges(log: Path) -> int:
    """The most edges of Python code that a run has covered, by the log of libFuzzer."""
    found = [part.split()[0] for part in log.read_text(errors="replace").split(" cov: ")[1:]]
    return max(map(int, found), default=0)


if __name__ == "__main__":
    sys.exit(main())
