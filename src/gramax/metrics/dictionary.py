"""Numbers of a codebook by itself: dead and repeated codes, dimensionality, how many are active.

A dictionary (the decoder of a sparse autoencoder, a token matrix) writes a vector as a sum of a few
of its codes. A code is then read by its inner product with that sum, and what the others add to
that is interference. `CodeEvidence` reads a codebook of any size three times: for its d×d sums, for
what these say of each code, and for all pairs of codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays import checks, codebook
from gramax.arrays.codebook import NEAR_PAIR, Centring, Codebook, Sweep, sweep_codes, worst_of
from gramax.metrics.functions import declares
from gramax.metrics.registry import METRICS, SCALED

DRAWS, POOL, FINE, STEP = 50, 4096, 16, 1.15
"""Random sets of active codes; the codes that they are drawn from; numbers of active codes that are
tried, all up to `FINE` and then each by this much larger than the last."""

DROWNED_SHARE = 0.05
"""Share of the draws in which a code may be drowned."""

NEIGHBOURS_KEPT = 16
"""Nearest codes that are kept of each: their |cosines| make the Babel function."""

TIE = 1e-5
"""A silent code that reads less than this below an active one reads as loud: float32's rounding."""

RESOLUTION = 1e-12
"""Squared length of a centred code beside that of the code below which it has no direction."""

Tell = Callable[[str, float], None]
"""Told which of the passes is under way, and what share of it is done."""


class Sums(NamedTuple):
    """Sums over all codes.

    Attributes:
        alive: `[c]` which codes are not zero.
        dead: `[c]` which are: neither are rows that are not finite, which are left out.
        total: `[d]` Σ û, the sum of the directions.
        outer: `[d, d]` Σ û*û of the directions û, and `raw` of the codes over `scale`.
        pool: `[p]` numbers of some random codes, and `pooled` their directions.
    """

    alive: Bool[np.ndarray, " c"]
    dead: Bool[np.ndarray, " c"]
    total: Float[np.ndarray, " d"]
    outer: Float[np.ndarray, "d d"]
    raw: Float[np.ndarray, "d d"]
    scale: float
    pool: Int[np.ndarray, " p"]
    pooled: Float[np.ndarray, "p d"]


class PerCode(NamedTuple):
    """What each code shares with all others, without a pass over pairs.

    Attributes:
        signed: `[c]` Σ_{j≠i} ⟨û_i, û_j⟩.
        squares: `[c]` Σ_{j≠i} |⟨û_i, û_j⟩|².
        dimensionality: `[c]` |w_i|²/Σ_j |⟨û_i, w_j⟩|²; NaN for a zero code.
        centring: for the cosines of centred codes; None for complex codes.
        centred_total: `[d]` the sum of the centred directions.
        centred_outer: `[d, d]` the sum of their outer products.
        quietest: `[t, k]` the least reading of an active code, by draw and number of active codes.
        loudest: `[t, k]` the largest reading of a silent one.
    """

    signed: np.ndarray
    squares: Float[np.ndarray, " c"]
    dimensionality: Float[np.ndarray, " c"]
    centring: Centring | None
    centred_total: np.ndarray
    centred_outer: np.ndarray
    quietest: Float[np.ndarray, "t k"]
    loudest: Float[np.ndarray, "t k"]


class CodeEvidence:
    """What the numbers of a codebook are computed from, each computed at most once."""

    def __init__(
        self,
        book: Codebook,
        tell: Tell | None = None,
        keep: int = NEIGHBOURS_KEPT,
        centred: bool = True,
    ) -> None:
        """Of a codebook; `keep` nearest codes of each are found, and `centred` cosines if asked.

        `whole` is the codebook, and `dim` the length of its codes; those of `book` are shorter
        where there are fewer codes.
        """
        self.whole, self.dim, self.keep = book, book.dim, keep
        self.book = book.spanned() if book.count < book.dim else book
        self.centred = centred and not book.complex
        self.tell = tell or (lambda phase, share: None)

    def products(self, x: np.ndarray) -> np.ndarray:
        """x*x, in float32 where the sums over many codes of many numbers are the work."""
        x = x.astype(self._kind, copy=False)
        found = x.conj().T @ x if self.book.complex else x.T @ x  # which BLAS does in half the time
        return found.astype(np.result_type(found, np.float64))

    def forms(self, units: np.ndarray, outer: np.ndarray) -> Float[np.ndarray, " m"]:
        """û F û* of each row."""
        x = units.astype(self._kind, copy=False)
        found = np.einsum("ij,ij->i", x @ outer.astype(self._kind), x.conj()).real
        return found.astype(np.float64)

    @property
    def _kind(self) -> Any:
        wide = self.book.count * self.book.dim**2 <= codebook.WIDE_WORK
        real = np.float64 if wide else np.float32
        return np.result_type(real, np.complex64) if self.book.complex else real

    @cached_property
    def count(self) -> int:
        """Codes that are not zero."""
        return int(self.sums.alive.sum())

    @cached_property
    def sums(self) -> Sums:
        """The first pass."""
        book, rng = self.book, np.random.default_rng(0)
        pool = np.sort(rng.choice(book.count, min(book.count, POOL), replace=False))
        alive, dead, pooled, scale = *np.zeros((2, book.count), bool), [], 0.0
        total, outer, raw = np.zeros(book.dim), 0.0, 0.0
        for at, rows in book.read(0, book.piece):
            units, codes = book.units(rows), book.codes(rows)
            alive[at : at + len(rows)] = units.any(axis=1)
            dead[at : at + len(rows)] = ~rows.any(axis=1)
            total = total + units.sum(axis=0)
            outer = outer + self.products(units)
            larger = max(scale, float(np.abs(codes).max())) or 1.0  # its square may overflow
            codes, raw, scale = codes / larger, raw * (scale / larger) ** 2, larger
            raw = raw + self.products(codes)
            pooled.append(units[pool[slice(*np.searchsorted(pool, [at, at + len(rows)]))] - at])
            self.tell("codes", (at + len(rows)) / book.count / 2)
        usable = alive[pool]
        found = np.concatenate(pooled)[usable]
        both = np.asarray(outer), np.asarray(raw)
        return Sums(alive, dead, total, *both, scale, pool[usable], found)

    @cached_property
    def active(self) -> Int[np.ndarray, " k"]:
        """The numbers of active codes that are tried."""
        most = min(len(self.sums.pool), self.dim + 1)
        found = list(range(1, min(most, FINE) + 1))
        while found and found[-1] < most:
            found.append(min(most, math.ceil(STEP * found[-1])))
        return np.array(found, np.int64)

    @cached_property
    def per_code(self) -> PerCode:
        """The second pass."""
        book, sums = self.book, self.sums
        c, d = book.count, book.dim
        mean, listening = sums.total / max(self.count, 1), _Listening(self)
        square = float(np.vdot(mean, mean).real)
        signed = np.zeros(c, sums.total.dtype)
        squares, dimensions, along, inverse = np.zeros((4, c))
        centred_total, centred_outer = np.zeros(d), np.zeros((d, d))
        for at, rows in book.read(0, book.piece):
            units, here = book.units(rows), slice(at, at + len(rows))
            codes = book.codes(rows) / sums.scale
            signed[here] = units @ sums.total.conj() - sums.alive[here]
            gathered = self.forms(units, sums.outer)
            squares[here] = np.maximum(gathered - sums.alive[here], 0)
            with np.errstate(all="ignore"):
                lengths = np.einsum("ij,ij->i", codes, codes.conj()).real
                dimensions[here] = lengths / self.forms(units, sums.raw)
            if self.centred:
                centred = np.where(sums.alive[here, None], units - mean, 0)
                lengths = np.einsum("ij,ij->i", centred, centred)
                there = lengths > RESOLUTION
                along[here] = units @ mean
                inverse[here] = np.where(there, 1 / np.sqrt(np.where(there, lengths, 1)), 0)
                centred *= inverse[here, None]
                centred_total += centred.sum(axis=0)
                centred_outer += self.products(centred)
            listening.hear(at, units)
            self.tell("codes", 0.5 + (at + len(rows)) / c / 2)
        centring = Centring(along, inverse, square) if self.centred else None
        heard = listening.quietest, listening.loudest
        return PerCode(signed, squares, dimensions, centring, centred_total, centred_outer, *heard)

    @cached_property
    def sweep(self) -> Sweep:
        """The third pass, over all pairs."""
        told = lambda share: self.tell("pairs of codes", share)  # noqa: E731
        alive, centring = self.sums.alive, self.per_code.centring
        return sweep_codes(self.book, alive, self.keep, centring, told)

    @cached_property
    def worst(self) -> tuple[Int[np.ndarray, "k 2"], Float[np.ndarray, " k"]]:
        """The pairs with the largest |cosines|, up to `keep` of them, in full precision."""
        return worst_of(self.book, self.sweep, self.keep)

    @property
    def coherence(self) -> float:
        """The largest |cosine|."""
        return float(np.abs(self.worst[1][0]))

    @property
    def potential(self) -> float:
        """The sum of all squared |cosines|."""
        return float((np.abs(self.sums.outer) ** 2).sum())

    @property
    def largest_cosine(self) -> float:
        """Of two centred codes, with its sign; NaN of complex codes."""
        if self.sweep.centred is None:
            return math.nan
        a, b, _ = self.sweep.centred
        x = self.book.take(np.array([a, b])) - self.sums.total / self.count
        lengths = np.linalg.norm(x, axis=1)
        return float(x[0] @ x[1] / (lengths[0] * lengths[1])) if lengths.all() else math.nan

    def away_from_simplex(self, centred: bool = False) -> float:
        """RMS of the cosines less those of a simplex, from sums over codes; NaN of complex ones."""
        outer, total, count = self.sums.outer, self.sums.total, self.count
        if centred:
            found = self.per_code
            outer, total = found.centred_outer, found.centred_total
            count = int(np.count_nonzero(found.centring.inverse)) if found.centring else 0
        if self.book.complex or count < 2:
            return math.nan
        squares = float((outer**2).sum()) - count
        products = float(total @ total) - count
        target = -1 / (count - 1)
        error = squares - 2 * target * products + target**2 * count * (count - 1)
        return math.sqrt(max(error, 0.0)) / count

    @cached_property
    def repeated(self) -> int:
        """Codes of which another is a near-copy, or the opposite."""
        return int(np.count_nonzero(self.sweep.sizes[:, 0] >= np.float32(NEAR_PAIR)))

    @cached_property
    def drowned(self) -> Float[np.ndarray, " k"]:
        """The share of draws in which a silent code reads as loud as an active one."""
        return np.mean(self.per_code.loudest >= self.per_code.quietest - TIE, axis=0)

    @cached_property
    def interference(self) -> Float[np.ndarray, " k"]:
        """Root mean square reading of a silent code, over all codes and sets of active codes.

        E|Σ_{j∈S} g_ij|² = k/(c-1) Σ_j |g_ij|² + k(k-1)/((c-1)(c-2)) (|Σ_j g_ij|² - Σ_j |g_ij|²).
        """
        c, k, alive = self.count, self.active, self.sums.alive
        squares = float(self.per_code.squares[alive].mean())
        crossed = float((np.abs(self.per_code.signed[alive]) ** 2).mean()) - squares
        found = k / max(c - 1, 1) * squares + k * (k - 1) / max((c - 1) * (c - 2), 1) * crossed
        return np.sqrt(np.maximum(found, 0))


class _Listening:
    """Readings of all codes while random ones are active, as codes come by."""

    def __init__(self, e: CodeEvidence) -> None:
        """Draw the sets: each is the beginning of one random order of the pool."""
        self.active, rng = e.active, np.random.default_rng(1)
        most = int(self.active[-1]) if len(self.active) else 0
        orders = np.stack([rng.permutation(len(e.sums.pool))[:most] for _ in range(DRAWS)])
        self.members = e.sums.pool[orders]
        pooled = e.sums.pooled
        kind = np.complex64 if e.book.complex else np.float32
        self.sent = np.empty((DRAWS, len(self.active), pooled.shape[1]), kind)
        for sent, order in zip(self.sent, orders, strict=True):
            sent[:] = np.cumsum(pooled[order], axis=0)[self.active - 1]
        self.quietest = np.full(self.sent.shape[:2], np.inf)
        self.loudest = np.zeros(self.sent.shape[:2])

    def hear(self, at: int, units: np.ndarray) -> None:
        """Some codes read every sum."""
        columns = self.sent.reshape(-1, self.sent.shape[-1]).conj().T
        step = max(1, (1 << 22) // max(columns.shape[1], 1))
        for start in range(0, len(units), step):
            part = units[start : start + step].astype(self.sent.dtype)
            readings = np.abs(part @ columns).reshape(len(part), *self.quietest.shape)
            first = at + start
            draw, rank = np.nonzero((self.members >= first) & (self.members < first + len(part)))
            row = self.members[draw, rank] - first
            speaks = self.active > rank[:, None]
            heard = readings[row, draw]
            np.minimum.at(self.quietest, draw, np.where(speaks, heard, np.inf))
            readings[row, draw] = np.where(speaks, 0, heard)
            np.maximum(self.loudest, readings.max(axis=0), out=self.loudest)


# -- the numbers --------------------------------------------------------------------------------

_SHARED: dict[str, Any] = {
    "labels": False,
    "samples": False,
    "invariant": SCALED - {"duplication"},
    "needs": frozenset({"codes"}),
}


METRICS.add(
    **_SHARED,
    name="dead_codes",
    question="rank",
    meaning="share of the codes of a codebook that are zero",
    formula="#{i: w_i = 0}/c",
    source="Bricken et al. 2023, Towards Monosemanticity",
    interval=(0.0, 1.0),
    best="0",
    direction="lower",
    of_codes=lambda e: float(e.sums.dead.mean()),
    degenerate="1 where all codes are zero",
)

METRICS.add(
    **_SHARED,
    name="repeated_codes",
    question="crosstalk",
    meaning="share of the codes that have a near-copy, or a near-opposite",
    formula=f"#{{i: max_{{j≠i}} |cos(w_i, w_j)| ≥ {NEAR_PAIR}}}/c, of the codes that are not zero",
    source="gramax",
    interval=(0.0, 1.0),
    best="0",
    direction="lower",
    of_codes=lambda e: e.repeated / e.count,
    degenerate="1 where all codes coincide",
)


@declares(
    **_SHARED,
    question="rank",
    meaning="dimensions that a code has to itself, on average",
    formula="mean over i of D_i = |w_i|²/Σ_j ⟨ŵ_i, w_j⟩², ŵ_i = w_i/|w_i|, the codes not zero",
    source="Elhage et al. 2022, Toy models of superposition",
    interval=(0.0, 1.0),
    best="min(1, d/c); D_i is 1 for a code at right angles to all others, and Σ D_i ≤ rank",
    direction="higher",
    of_codes=lambda e: float(e.per_code.dimensionality[e.sums.alive].mean()),
    degenerate="1/c where all codes coincide; a zero code has none",
    raw="the same: the lengths of the codes count in either case",
    returns="`[c]` D_i of each code, NaN for a zero code; the metric is their mean.",
)
def feature_dimensionality(x: Any) -> Float[np.ndarray, " c"]:
    """Share of a dimension that each code has: 1 alone, 1/2 in a pair of opposites.

    It is computed from WᵀW, without a pair of codes, on the host.

    Example:
        >>> import numpy as np
        >>> print(feature_dimensionality(np.array([[1.0, 0], [-1.0, 0], [0, 2.0]])))
        [0.5 0.5 1. ]
    """
    e = CodeEvidence(Codebook.of(checks.matrix(x)))
    return np.where(e.sums.alive, e.per_code.dimensionality, np.nan)


def _last_active(e: CodeEvidence) -> float:
    fails = np.flatnonzero(e.drowned > DROWNED_SHARE)
    return float(
        e.active[fails[0] - 1] if len(fails) and fails[0] else 0 if len(fails) else e.count
    )


METRICS.add(
    **_SHARED,
    name="active_codes",
    question="crosstalk",
    meaning="random codes that can be active at once before one of them is drowned",
    formula="the largest k for which, with k random codes summed, every one of them reads louder "
    f"(|⟨ŵ_i, Σŵ⟩|) than every silent one, in {100 * (1 - DROWNED_SHARE):.0f} % of {DRAWS} draws",
    source="gramax; thresholding as in Schnass & Vandergheynst 2007, Average performance analysis",
    best="c (orthogonal codes)",
    direction="higher",
    of_codes=_last_active,
    degenerate="0 where more than a twentieth of the codes have a copy",
)


def _guaranteed(e: CodeEvidence) -> float:
    """Beyond the codes that are kept each |cosine| is at most the last of them."""
    sizes = e.sweep.sizes.astype(np.float64)
    sums = np.cumsum(sizes, axis=1).max(axis=0)
    if sizes.shape[1] < e.count - 1:
        more = np.arange(1, e.dim + 1) * sizes[:, -1].max()
        sums = np.concatenate([sums, sums[-1] + more])
    before = np.concatenate([[0.0], sums[:-1]])
    fails = np.flatnonzero(before + sums >= 1 - TIE)
    return float(fails[0]) if len(fails) else float(e.count)


METRICS.add(
    **_SHARED,
    name="guaranteed_codes",
    question="crosstalk",
    meaning="codes, whichever they are, that can be active at once without one being drowned",
    formula="the largest k with μ₁(k-1) + μ₁(k) < 1, μ₁ the Babel function",
    source="Tropp 2004, Greed is good",
    best="c (orthogonal codes)",
    direction="higher",
    of_codes=_guaranteed,
    degenerate="0 where two codes coincide",
    variants=f"beyond μ₁({NEIGHBOURS_KEPT}) an upper bound of μ₁ is used, so that k may be less",
)
