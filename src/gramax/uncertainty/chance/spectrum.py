"""The spectrum of pure chance: Marchenko-Pastur, with its corrections and fluctuations.

n isotropic rows of length d have covariance eigenvalues in the band 1 + y ± 2√y, y = d/n, however
isotropic they are (Marchenko & Pastur 1967): an effective rank below d need not be a lost
dimension. Against simulation means are within a third of an sd, but for entropies on the sphere
with n below 2d: there up to 1.5 sd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gramax.uncertainty.chance.laws import LAWS, Chance, Setting, law, rescaled

MANY_DIMENSIONS = 64
"""The laws are of large matrices; smaller ones are simulated, which is cheap."""

TRACY_WIDOM = (-1.2065335745820, 1.2680340580)
"""Mean and standard deviation of the Tracy-Widom law of real matrices (Bornemann 2010)."""

METHOD = "Marchenko-Pastur law, finite-size corrected"


@dataclass(frozen=True)
class Spectrum:
    """Nonzero eigenvalues of m isotropic rows in d dimensions, their mean scaled to about 1.

    Attributes:
        rank: k = min(m, d), how many there are.
        longer: max(m, d), corrected for rows on the sphere.
    """

    rank: float
    longer: float

    @classmethod
    def of(cls, s: Setting, centred: bool) -> Spectrum | None:
        """The spectrum of a setting, or None where it is too small for the laws.

        On the sphere, E tr A² = n + n(n-1)/d for A = Σuuᵀ: the part above the isotropic n²/d is
        k/(k+2) of that of Gaussian rows of the same trace, as if the longer side were longer.
        """
        rows = s.rows - 1 if centred else s.rows
        rank, longer = min(rows, s.dim), max(rows, s.dim)
        if rank < MANY_DIMENSIONS:
            return None
        return cls(rank, longer * (rank + 2) / rank if s.normalize else longer)

    def _band(self) -> tuple[np.ndarray, np.ndarray]:
        """A grid of θ over a half circle, and λ there."""
        y = self.rank / self.longer
        theta = (np.arange(4096) + 0.5) * math.pi / 4096
        return theta, 1 + y + 2 * math.sqrt(y) * np.cos(theta)

    def sum_of(self, f: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        """Mean and variance of the sum of f(λ) over the nonzero eigenvalues.

        With f(λ(θ)) = Σ_k a_k cos kθ, λ(θ) = 1 + y + 2√y cos θ, they are up to o(1)
        k ∫f(λ) (2/π) sin²θ/λ dθ + (f(λ₋) + f(λ₊))/4 - a_0/2 and Σ_k k a_k² / 2 for real Gaussian
        rows (Bai & Silverstein 2004; Lytova & Pastur 2009).

        Example:
            >>> mean, variance = Spectrum(100, 400).sum_of(lambda x: x**2)
            >>> round(mean, 6)  # E tr(W/m)² = d(1 + (d+1)/m)
            125.25
        """
        root = math.sqrt(self.rank / self.longer)
        theta, band = self._band()
        values, ends = f(band), f(np.array([(1 - root) ** 2, (1 + root) ** 2]))
        mean = self.rank * 2 * np.mean(values * np.sin(theta) ** 2 / band)
        shift = np.sum(ends) / 4 - np.mean(values) / 2
        # The coefficients a_k, k = 1…128, by a Fourier transform of f along the whole circle.
        order = np.arange(1, 129)
        circle = np.fft.rfft(np.concatenate([values, values[::-1]]))[order]
        coefficients = (circle * np.exp(-1j * order * math.pi / (2 * 4096))).real / 4096
        return float(mean + shift), float(np.sum(order * coefficients**2) / 2)

    def quantiles(self, below: np.ndarray) -> np.ndarray:
        """Eigenvalues with these shares of the nonzero ones below them; their mean is 1.

        Example:
            >>> import numpy as np
            >>> print(Spectrum(100, 400).quantiles(np.array([0.0, 0.5, 1.0])).round(3))
            [0.25  0.916 2.25 ]
        """
        theta, band = self._band()
        density, band = (np.sin(theta) ** 2 / band)[::-1], band[::-1]
        reached = (np.cumsum(density) - density / 2) / density.sum()
        return np.interp(below, reached, band)

    def largest(self) -> tuple[float, float]:
        """Mean and sd of the largest eigenvalue by the Tracy-Widom law (Johnstone 2001)."""
        long, short = math.sqrt(self.longer), math.sqrt(self.rank)
        scale = (long + short) * (1 / long + 1 / short) ** (1 / 3)
        mean = (long + short) ** 2 + TRACY_WIDOM[0] * scale
        return mean / self.longer, TRACY_WIDOM[1] * scale / self.longer

    def entropy_rank(self, power: float, eps: float) -> tuple[float, float]:
        """Mean and sd of exp(-Σ q log q), q = λ^power / Σ λ^power + eps, zeros left out.

        The entropy is linear in the spectrum to first order, with the slope of each λ^power that
        remains when the sum in the denominator moves too.
        """

        def root(x: np.ndarray) -> np.ndarray:
            return np.maximum(x, 1e-30) ** power

        total, _ = self.sum_of(root)

        def surprise(x: np.ndarray) -> np.ndarray:
            q = root(x) / total + eps
            return -q * np.log(q)

        entropy, _ = self.sum_of(surprise)
        _, variance = self.sum_of(lambda x: surprise(x) - root(x) / total * (entropy - 1))
        mean = math.exp(entropy) * (1 + variance / 2)
        return mean, math.exp(entropy) * math.sqrt(variance)


def purity(n: float, d: int, normalize: bool, centred: bool) -> tuple[float, float]:
    """Mean and sd of Σλ²/(Σλ)², whose inverse is the participation ratio.

    Gaussian rows, m of them after centring: E tr W² = md(m+d+1) and E (tr W)² = md(md+2), and the
    ratio is independent of the trace, so that its mean is exact. On the sphere the ratio is that
    of the Gram matrix, 1 on the diagonal and pairwise independent cosines off it. The sd, 2/(md)
    for many rows (Ledoit & Wolf 2002, proposition 7), has a factor √((d-1)/(d+2)) that is exact
    on the sphere.
    """
    m = n - 1 if centred else n
    if not normalize:
        mean = (m + d + 1) / (m * d + 2)
    elif centred:
        mean = 1 / m + (1 + m * m) / (d * n * m)
    else:
        mean = 1 / n + m / (d * n) - 1 / (d * n)
    return mean, 2 / (m * d) * math.sqrt((d - 1) / (d + 2))


def unbiased_squares(trace: float, squares: float, free: float) -> float:
    """Σλ² of the covariance behind a scatter of normal rows, times `free`², without its bias.

    Of few rows it is too large by (Σλ)²/free and more; at 0 or below there are no two eigenvalues
    that the rows tell apart.

    Args:
        trace: Σλ of the scatter.
        squares: Σλ² of the scatter.
        free: its degrees of freedom, above 1.
    """
    return (squares - trace**2 / free) * free**2 / ((free - 1) * (free + 2))


def _centred(s: Setting) -> bool:
    return s.options.center == "global"


@law("participation_ratio")
def _participation_ratio(s: Setting) -> Chance | None:
    if min(s.rows - 1, s.dim) < MANY_DIMENSIONS:
        return None
    mean, sd = purity(s.rows, s.dim, s.normalize, _centred(s))
    method = "exact second moments of isotropic rows"
    return Chance((1 + (sd / mean) ** 2) / mean, sd / mean**2, method)


@law("isoscore")
def _isoscore(s: Setting) -> Chance | None:
    return rescaled(rescaled(_participation_ratio(s), shift=-1), 1 / max(s.dim - 1, 1))


def _entropy_rank(spectrum: Spectrum | None, power: float, eps: float) -> Chance | None:
    return spectrum and Chance(*spectrum.entropy_rank(power, eps), METHOD)


def _over_largest(spectrum: Spectrum | None) -> Chance | None:
    """The sum of the eigenvalues over the largest."""
    if spectrum is None:
        return None
    total, _ = spectrum.sum_of(lambda x: x)
    top, sd = spectrum.largest()
    mean, spread = total / top, sd / top
    return Chance(mean * (1 + spread**2), mean * spread, "Tracy-Widom law of the largest")


LAWS["effective_rank"] = lambda s: _entropy_rank(Spectrum.of(s, centred=True), 1.0, 0.0)
LAWS["rankme"] = lambda s: _entropy_rank(Spectrum.of(s, centred=False), 0.5, 1e-7)
LAWS["nesum"] = lambda s: _over_largest(Spectrum.of(s, _centred(s)))
LAWS["stable_rank"] = lambda s: _over_largest(Spectrum.of(s, centred=False))
