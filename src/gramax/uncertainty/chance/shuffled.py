"""What shuffled labels give: these very rows, dealt at random to classes of the same sizes.

The share of the scatter within classes has exact moments over all permutations. Everything else is
drawn: few rows are permuted themselves; of many, the class means are drawn from their law over
permutations, which is normal to good precision (Hoeffding 1951, a central limit theorem of
combinations), with covariance S (1/n_k - 1/n) of one mean and -S/n of two, S the covariance of the
rows. The scatter within classes is then what the means leave of the whole, which no permutation
changes. Numbers come from the drawn moments by their one implementation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gramax._shapes import Float
from gramax.arrays.linalg import covariance_root, few_threads
from gramax.arrays.rows import unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.baselines import BUDGET, HEAVY_TAIL, OVERHEAD, PAIRS, setting_of
from gramax.uncertainty.chance.cosines import student_quantile
from gramax.uncertainty.chance.draws import answers_of_means, as_moments
from gramax.uncertainty.chance.laws import SHUFFLED, Chance

DRAWS, LAW_DRAWS, FEWEST_DRAWS = 250, 1000, 20
"""Draws at most; those of class means by their law, which are quick, for the answers: of 250 the
tail is known so roughly that three deviations are passed five times too often for one seed in 16;
and draws with fewer of which nothing is said."""

PERMUTED_NUMBERS = 1 << 19
"""Numbers in the rows up to which they are permuted themselves."""

ANSWER_NUMBERS, HELD_DRAWS, MAX_WORK = 8e6, 100, 1e11
"""Numbers drawn for the answers in all, and draws held at once; multiply-adds of the fewest draws
beyond which a number is left without a reference."""

DECOMPOSITIONS = 10.0
"""Decompositions of one report, in cubes of their side."""

TAIL = 0.02
"""The share of draws, on each side, that tell how heavy the tail is."""

CAUTION = 0.3
"""The mean of k outermost draws, known roughly, is taken to be further out by this over √k."""

SKEWED = 4 / 9
"""What a unit of skewness adds to the deviation with which three are as rare as in a normal law."""


class Deck:
    """Rows, or their law, to be dealt to classes again and again.

    Attributes:
        setting: the sizes.
        middle: `[r]` mean of all rows.
        values: `[n, r]` rows about it, to be permuted, and their `squares` `[n]`; None where class
            means are drawn.
        root: `[r, r]` A with AᵀA the covariance of the rows; None where they are permuted.
        scatter: `[r, r]` of all rows about their mean; None where only traces are kept.
    """

    def __init__(
        self,
        moments: ClassMoments,
        rows: Float[np.ndarray, "m d"] | None,
        options: Options,
        spectral: bool = True,
    ) -> None:
        """Of moments in float64 and all their rows, where those are at hand.

        Only a root by eigenvectors (`spectral`) leaves out directions in which no row differs, and
        what looks at the spectrum would see them; that by Cholesky is quicker.
        """
        self.setting = s = setting_of(moments, options)
        self.values: np.ndarray | None = None
        self.squares: np.ndarray | None = None
        self.root: np.ndarray | None = None
        self.scatter: np.ndarray | None = None
        if rows is not None and len(rows) == s.rows and rows.size <= PERMUTED_NUMBERS:
            x = np.asarray(rows, np.float64)
            x = unit_rows(x) if s.normalize else x
            if len(x) < x.shape[1]:
                x = np.asarray(np.linalg.qr(x.T, mode="r")).T  # in the space that they span
            self.middle = np.mean(x, axis=0)
            self.values = values = x - self.middle
            self.squares = np.sum(values**2, axis=1)
            self.trace = float(np.sum(values**2))
            if moments.scatter is not None:
                self.scatter = values.T @ values
        else:
            e = Evidence(moments, options)
            self.middle = np.sum(e.row_share[:, None] * e.origin_means, axis=0)
            covariance = e.covariance
            self.scatter = covariance * (s.rows - 1)
            self.trace = float(np.trace(covariance)) * (s.rows - 1)
            if spectral:
                values, vectors = np.linalg.eigh(covariance)
                values = np.where(values > 1e-12 * values[-1], values, 0.0)
                self.root = np.sqrt(values)[:, None] * vectors.T
            else:
                self.root = covariance_root(covariance)

    def deal(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Class means about the mean of all rows `[c, r]`, and variances of the classes `[c]`."""
        counts, n = np.asarray(self.setting.counts), self.setting.rows
        if self.values is None or self.squares is None:
            assert self.root is not None
            normal = rng.standard_normal((len(counts), len(self.middle))) / np.sqrt(counts)[:, None]
            means = (normal - counts @ normal / n) @ self.root
            squares = np.full(len(counts), self.trace / n)
            if self.setting.normalize:  # |x|² is 1, and its mean in every class
                squares = squares - 2 * means @ self.middle
        else:
            order = rng.permutation(len(self.values))
            first = np.concatenate([[0], np.cumsum(counts[:-1]).astype(int)])
            means = np.add.reduceat(self.values[order], first) / counts[:, None]
            squares = np.add.reduceat(self.squares[order], first) / counts
        return means, np.maximum(squares - np.sum(means**2, axis=1), 0.0)

    def moments(self, rng: np.random.Generator, scatter: bool) -> ClassMoments:
        """One deal, as moments."""
        means, variances = self.deal(rng)
        counts, pooled = np.asarray(self.setting.counts), None
        if scatter and self.scatter is not None:
            pooled = self.scatter - (means * counts[:, None]).T @ means
        return as_moments(self.setting, means + self.middle, counts * variances, pooled)


def shuffled_answers(
    moments: ClassMoments,
    rows: Float[np.ndarray, "m d"] | None = None,
    options: Options | None = None,
) -> dict[str, Chance]:
    """What the numbers that a verdict asks are under shuffled labels; quick.

    Args:
        moments: of the data in float64, with their scatter; two classes, and several rows in one.
        rows: all of these rows, where they are at hand.
        options: as for the numbers that it is held against.

    Returns:
        Mean and deviation by the name of the metric; none where there are too many classes.
    """
    deck = Deck(moments, rows, options or Options(), spectral=False)
    s, width = deck.setting, len(deck.middle)
    known = _scatter_ratio(deck, moments)
    most = LAW_DRAWS if deck.values is None else DRAWS
    draws = min(most, int(ANSWER_NUMBERS / (s.classes * (s.classes + width))))
    if draws >= FEWEST_DRAWS or (draws >= FEWEST_DRAWS // 2 and s.classes > 256):  # of many pairs
        rng = np.random.default_rng(0)
        with few_threads(len(deck.middle)), np.errstate(all="ignore"):
            found = []
            for start in range(0, draws, HELD_DRAWS):
                deals = (deck.deal(rng) for _ in range(start, min(start + HELD_DRAWS, draws)))
                means, variances = map(np.stack, zip(*deals, strict=True))
                found.append(answers_of_means(s, means + deck.middle, variances))
        every = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        known = {name: summed_up(x, SHUFFLED, _method(deck)) for name, x in every.items()} | known
    return {name: one for name, one in known.items() if one.sd >= 0}


def shuffled(
    moments: ClassMoments,
    rows: Float[np.ndarray, "m d"] | None = None,
    options: Options | None = None,
) -> dict[str, Chance]:
    """What every number with labels is under shuffled labels: `shuffled_answers`, and the rest.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(60, 4))
        >>> found = shuffled(ClassMoments.of(z, np.arange(60) % 3, 3), z)
        >>> round(found["scatter_ratio"].mean, 4), found["cdnv"].reference  # (n-c)/(n-1)
        (0.9661, 'shuffled')
    """
    options = options or Options()
    deck = Deck(moments, rows, options)
    known: dict[str, Chance] = {}
    labelled = [metric for metric in METRICS.of(moments.scatter) if metric.labels]
    # Those that need no decomposition are drawn apart, as they can be drawn more often.
    for spectral in (False, True):
        names = [metric.name for metric in labelled if metric.spectrum == spectral]
        table = list(_measured(deck, names, spectral, options))
        columns = zip(names, np.array(table).T, strict=True) if table else ()
        known |= {name: summed_up(x, SHUFFLED, _method(deck)) for name, x in columns}
    known |= shuffled_answers(moments, rows, options)
    return {name: one for name, one in known.items() if one.sd >= 0}


def _measured(
    deck: Deck, names: list[str], spectral: bool, options: Options
) -> Iterator[list[float]]:
    """The metrics of as many deals as there is time for."""
    c, side = deck.setting.classes, len(deck.middle)
    work = OVERHEAD + PAIRS * c**2 * side + 50 * c * side
    if deck.root is not None:
        work += c * side**2
    if spectral:
        work += c * side**2 + DECOMPOSITIONS * side**3
    draws = min(DRAWS, int(2 * BUDGET / work))
    if draws < FEWEST_DRAWS:
        draws = FEWEST_DRAWS if FEWEST_DRAWS * work < MAX_WORK else 0
    with few_threads(len(deck.middle)), np.errstate(all="ignore"):
        for i in range(draws):
            evidence = Evidence(deck.moments(np.random.default_rng([1, i]), spectral), options)
            yield [float(METRICS[name].value(evidence)) for name in names]


def _method(deck: Deck) -> str:
    return "labels permuted" if deck.values is not None else "law of means over permutations"


def _scatter_ratio(deck: Deck, moments: ClassMoments) -> dict[str, Chance]:
    """Its moments over all permutations: the mean exact, the deviation to first order.

    With all scatter fixed, what lies between classes is a sum over principal axes of χ² numbers
    times their eigenvalues: the deviation is that of isotropic rows in as many dimensions as the
    participation ratio says. The sum is skewed to the other side.
    """
    s = deck.setting
    n, c = s.rows, s.classes
    if s.options.weighting != "sample" or n <= c or deck.scatter is None or not deck.trace > 0:
        return {}
    scatter = deck.scatter / deck.trace
    squares = float(np.sum(scatter**2))
    cubes = float(np.sum((scatter @ scatter) * scatter))
    mean = (n - c) / (n - 1)
    sd = math.sqrt(2 * mean * (1 - mean) * squares / (n - 1))
    skewness = math.sqrt(8 / (c - 1)) * cubes / squares**1.5
    law = "exact mean over permutations, deviation by the participation ratio"
    return {"scatter_ratio": Chance(mean, sd * (1 + SKEWED * skewness), law, SHUFFLED)}


def summed_up(values: Float[np.ndarray, " b"], reference: str, how: str) -> Chance:
    """The middle of draws, and a deviation of which three are as rare as in a normal law.

    The mean of the outermost draws of either side, where that is further away than normal draws
    would be, sets the deviation; so does Student's law for few draws.

    Example:
        >>> x = np.random.default_rng(0).gumbel(size=400)  # sd 1.28, and a tail to one side
        >>> found = summed_up(x, SHUFFLED, "an example")
        >>> bool(abs(found.mean - 0.577) < 0.2), bool(1.28 < found.sd < 2.2)
        (True, True)
    """
    defined = np.sort(values[np.isfinite(values)])
    b = len(defined)
    if b < FEWEST_DRAWS // 2:
        return Chance(math.nan, math.nan, "undefined, or too dear to draw", reference)
    method = f"{how}, {b} draws, seed 0"
    middle, sd = float(np.mean(defined)), float(np.std(defined, ddof=1))
    low, high = (float(q) for q in np.quantile(defined, (0.1587, 0.8413)))
    if sd > HEAVY_TAIL * (high - low) / 2:
        middle, sd = float(np.median(defined)), (high - low) / 2
    if not sd > 1e-9 * max(abs(middle), float(np.max(np.abs(defined)))):
        return Chance(math.nan, math.nan, "no draw differs from another", reference)
    k = max(3, round(TAIL * b))
    outer = normal_outer(k / b) / (1 + CAUTION / math.sqrt(k))
    sides = (middle - float(np.mean(defined[:k])), float(np.mean(defined[-k:])) - middle)
    few = student_quantile(0.9973, b - 1) / 3 * math.sqrt(1 + 1 / b)
    return Chance(middle, max(sd, *(side / outer for side in sides)) * few, method, reference)


def normal_outer(share: float) -> float:
    """Mean of the outermost share of a normal law: φ(q)/share, q its quantile."""
    q = student_quantile(1 - 2 * share, 10_000)
    return math.exp(-q * q / 2) / math.sqrt(2 * math.pi) / share
