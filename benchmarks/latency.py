"""What a user waits for: whole commands, from the shell, with nothing cached.

``python -m benchmarks.latency [--large] [--vecscope PATH]`` writes files of random classes to a
temporary folder and runs each command in turn with a floor, ``python -c "import numpy, click,
rich.table"``, and with vecscope's `audit` where its command is found. Printed are the medians of
wall and CPU seconds, the ratio of CPU to that of the floor (and of vecscope) in the same round, and
the most memory that the command held. `--large` adds the two files that take a minute. Python's
own bytecode is kept, as that of every installed package is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

FLOOR = [sys.executable, "-c", "import numpy, click, rich.table"]
GRAMAX = [sys.executable, "-m", "gramax"]

ENVIRONMENT = {**os.environ, "JAX_COMPILATION_CACHE_DIR": ""}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)


def write(folder: Path, name: str, n: int, d: int, c: int, seed: int = 0) -> None:
    """Rows of c overlapping classes, and their labels, as .npy files."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, c, n)
    means = rng.standard_normal((c, d), dtype=np.float32)
    noise = rng.standard_normal((n, d), dtype=np.float32)
    np.save(folder / f"{name}.npy", means[y] + noise)
    np.save(folder / f"{name}.labels.npy", y)


def run(command: list[str], folder: Path, fails: bool = False) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and MiB of one run; an error where it fails, and may not."""
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(use.ru_utime + use.ru_stime, use.ru_maxrss)\n"
        "sys.exit(done.stderr.decode() if done.returncode else 0)\n"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    wall = time.perf_counter() - start
    if done.returncode and not fails:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    cpu, memory = map(float, done.stdout.split())
    return wall, cpu, memory / 1024


def commands(large: bool) -> dict[str, tuple[list[str], str | None]]:
    """What is timed, and the file that the peer audits beside it."""
    audit = [*GRAMAX, "audit"]
    found: dict[str, tuple[list[str], str | None]] = {
        "--help": ([*GRAMAX, "--help"], None),
        "audit 359 × 64, 10 classes": (
            [*audit, "small.npy", "--labels", "small.labels.npy"],
            "small.npy",
        ),
        "audit 1,797 × 64": ([*audit, "digits.npy"], "digits.npy"),
        "the same with --explain": ([*audit, "digits.npy", "--explain"], None),
        "the same with --html": ([*audit, "digits.npy", "--html", "report.html"], None),
        "compare, two of 1,797 × 64": ([*GRAMAX, "compare", "digits.npy", "other.npy"], None),
        "compare 48 × 2,000 with 48 × 900": (
            [*GRAMAX, "compare", "wide.npy", "narrow.npy"],
            None,
        ),
    }
    if large:
        found["audit 20,000 × 384, 20 classes"] = (
            [*audit, "medium.npy", "--labels", "medium.labels.npy"],
            "medium.npy",
        )
        found["audit 100,000 × 768"] = ([*audit, "large.npy"], None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vecscope", default=shutil.which("vecscope"))
    given = parser.parse_args()
    table = Table("command", "wall s", "CPU s", "× floor", "× vecscope", "MiB")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = [("small", 359, 64, 10, 0), ("digits", 1797, 64, 10, 0), ("other", 1797, 64, 10, 1)]
        files += [("wide", 48, 2000, 4, 0), ("narrow", 48, 900, 4, 0)]
        if given.large:
            files += [("medium", 20_000, 384, 20, 0), ("large", 100_000, 768, 20, 0)]
        for name, n, d, c, seed in files:
            write(folder, name, n, d, c, seed)
        for name, (command, peer) in commands(given.large).items():
            rounds = 1 if "100,000" in name else given.rounds
            times, ratios, beside = [], [], []
            for _ in range(rounds):
                floor = run(FLOOR, folder)
                times.append(run(command, folder))
                ratios.append(times[-1][1] / floor[1])
                if peer and given.vecscope:
                    other = run(
                        [given.vecscope, "audit", peer], folder, fails=True
                    )  # it finds faults
                    beside.append(times[-1][1] / other[1])
            wall, cpu, memory = (statistics.median(part) for part in zip(*times, strict=True))
            table.add_row(
                name,
                f"{wall:.2f}",
                f"{cpu:.2f}",
                f"{statistics.median(ratios):.1f}",
                f"{statistics.median(beside):.2f}" if beside else "",
                f"{memory:.0f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
