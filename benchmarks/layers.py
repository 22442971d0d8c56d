"""Layers of MiniLM × ways to pool the words: does `gramax rank` find the best one?

The texts are docstrings of twelve modules of NumPy, SciPy and scikit-learn, methods included. Some
are ranked; the probe that is learnt from these names the modules of all the others, which `rank`
has not seen. Needs the encoder (see docs/studies/encode_sentences.py).

Run: `python -m benchmarks.layers`; `--texts` sets how many there are, `--ranked` how many of them
are ranked, `--splits` how often they are drawn.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys

import numpy as np
from docs.studies import encode_sentences as minilm

import gramax
from gramax.decide.rank import Rank
from gramax.moments import ClassMoments
from gramax.uncertainty.probes import judged, worth_of

WORDS, BATCH, FOLDS = 32, 128, 5


def texts(most: int) -> tuple[list[str], np.ndarray]:
    """First paragraphs of the docstrings of functions, classes and methods, and their modules."""
    found: dict[str, int] = {}
    for label, module in enumerate(minilm.MODULES):
        package = importlib.import_module(module)
        public = [(n, getattr(package, n)) for n in sorted(dir(package)) if n[0] != "_"]
        classes = [value for _, value in public if inspect.isclass(value)]
        inside = [(n, getattr(c, n, None)) for c in classes for n in sorted(vars(c)) if n[0] != "_"]
        for name, value in [*public, *inside]:
            doc = inspect.getdoc(value) if callable(value) else None
            parts = [p for p in (doc or "").split("\n\n") if not p.startswith((name, "---"))]
            text = " ".join(parts[:1]).replace("\n", " ").strip()
            if len(text) > 25:
                found.setdefault(text, label)
    order = np.random.default_rng(0).permutation(len(found))[:most]
    every, labels = list(found), np.array(list(found.values()))
    return [every[k] for k in order], labels[order]


def spaces(found: list[str]) -> dict[str, np.ndarray]:
    """Every layer, pooled in three ways."""
    ids, mask, weights = minilm.tokens(found)
    ids, mask = ids[:, :WORDS], mask[:, :WORDS]
    pooled: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(ids), BATCH):
        some, there = slice(start, start + BATCH), mask[start : start + BATCH, :, None]
        for k, x in enumerate(minilm.layers(ids[some], mask[some], weights)):
            x = x.astype(np.float32)
            pooled.setdefault(f"mean, layer {k}", []).append((x * there).sum(1) / there.sum(1))
            pooled.setdefault(f"largest, layer {k}", []).append(np.where(there, x, -9e9).max(1))
            if k:  # before the first layer, the first word is the same for every text
                pooled.setdefault(f"first word, layer {k}", []).append(x[:, 0])
    return {
        name: np.concatenate(parts).astype(np.float32) for name, parts in sorted(pooled.items())
    }


def held_out(z: np.ndarray, y: np.ndarray, seen: np.ndarray) -> float:
    """The accuracy on all rows that are not `seen` of a probe of those that are."""
    c, block = int(y.max()) + 1, np.arange(len(seen)) % FOLDS
    parts = tuple(
        ClassMoments.of(z[seen[block == k]], y[seen[block == k]], c) for k in range(FOLDS)
    )
    worth = worth_of(parts, z[seen], y[seen], block)
    assert worth
    others = np.setdiff1d(np.arange(len(y)), seen)
    return float(np.mean(judged([worth.head], z, y, others)))


def show(found: Rank, truth: dict[str, float]) -> None:
    """One ranking as a table, with the accuracy on the texts that were not ranked."""
    print("| space | probe | behind the best | | CKA with the one before | texts held out |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in found.spaces:
        v, b = one.value, one.behind
        value = f"{100 * v.value:.1f} ({100 * (v.low or 0):.1f} to {100 * (v.high or 0):.1f})"
        behind = ""
        if b:
            behind = f"{100 * b.value:.1f} ({100 * (b.low or 0):.1f} to {100 * (b.high or 0):.1f})"
        word = "worse" if one.worse else "cannot be told apart" if b else "the best"
        alike = f"{one.likeness.value:.3f}" if one.likeness else ""
        print(
            f"| {one.name} | {value} | {behind} | {word} | {alike} | {100 * truth[one.name]:.1f} |"
        )
    print(f"\n{found.headline}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1360)
    parser.add_argument("--ranked", type=int, default=700)
    parser.add_argument("--splits", type=int, default=2)
    given = parser.parse_args()
    found, y = texts(given.texts)
    every = spaces(found)
    within, lost, told = 0, [], []
    for seed in range(given.splits):
        seen = np.random.default_rng(seed).choice(len(y), given.ranked, replace=False)
        ranked = gramax.rank({name: z[seen] for name, z in every.items()}, y[seen])
        truth = {name: held_out(z, y, seen) for name, z in every.items()}
        if not seed:
            print(f"{len(y):,} texts, {given.ranked} ranked\n")
            show(ranked, truth)
            sys.stdout.flush()
        best = max(truth, key=truth.__getitem__)
        within += best in {ranked.best.name, *(one.name for one in ranked.as_good)}
        lost.append(truth[best] - truth[ranked.best.name])
        told.append(sum(one.worse for one in ranked.spaces))
    print(
        f"best on held-out texts: found, or not told from the best, in {within} of {given.splits}"
    )
    print(f"lost by taking the best of the ranking: {100 * np.mean(lost):.1f} points on average,")
    print(f"{100 * max(lost):.1f} at most; told from the best: {np.mean(told):.1f} of {len(every)}")


if __name__ == "__main__":
    main()
