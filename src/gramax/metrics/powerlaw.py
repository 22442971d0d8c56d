"""Question 2, by decay: the power law that the spectrum follows."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks
from gramax.arrays.guarded import ratio
from gramax.metrics.doubt import DOUBT, hidden_words
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SQUARED, Condition, Metric
from gramax.moments.class_moments import ClassMoments

BELOW = 0.01
"""How far below the floor such a singular value may lie, as far as can be told."""


def _decay(sigma: Float[Array, " d"], first: int, last: int | None) -> Float[Array, ""]:
    """Least squares of log λ on log rank, weighted by 1/rank, over the ranks asked for."""
    values = sigma[::-1]
    rank = jnp.arange(1, len(values) + 1)
    used = (values > 0) & (rank >= first) & (rank <= (last or len(values)))
    x, y = jnp.log(rank.astype(values.dtype)), 2 * jnp.log(jnp.where(used, values, 1))
    w = jnp.where(used, 1 / rank.astype(values.dtype), 0)
    w = w / jnp.maximum(jnp.sum(w), jnp.finfo(w.dtype).tiny)
    x, y = x - jnp.sum(w * x), y - jnp.sum(w * y)
    spread = jnp.sum(w * x * x)
    enough = jnp.sum(used) >= 2
    return jnp.where(enough, -ratio(jnp.sum(w * x * y), spread), jnp.nan)


def _hangs(e: Evidence, first: int = 1, last: int | None = None) -> Array:
    """Whether the exponent hangs on eigenvalues below the rounding floor.

    As they are not known, they may be 0 and not count, or lie at the floor, or well below it.
    """
    values, most, _ = e.spread_spectrum
    without = _decay(values, first, last)
    there = [_decay(v, first, last) for v in (most, jnp.where(values > 0, values, BELOW * most))]
    return jnp.any(jnp.abs(jnp.stack(there) - without) > DOUBT * jnp.abs(without))


CONDITIONS["one_eigenvalue"] = Condition(
    lambda e: jnp.sum(e.spread_spectrum.values > 0) < 2,
    lambda e: "the spectrum has a single eigenvalue: no slope can be fitted",
)


CONDITIONS["hidden_decay"] = Condition(
    _hangs,
    lambda e: hidden_words(
        e,
        e.spread_spectrum.hidden,
        f"fit the leading {int(jnp.sum(e.spread_spectrum.values > 0))} ranks (last=)",
    ),
)


ALPHA_REQ = METRICS.add(
    Metric(
        name="alpha_req",
        question="rank",
        meaning="how fast the spectrum falls: the exponent α of λ_i ∝ i^-α",
        formula="minus the slope of log λ_i on log i, least squares weighted by 1/i, over all "
        "nonzero eigenvalues of the covariance",
        source="Agrawal et al. 2022; Stringer et al. 2019 (the weights)",
        interval=(0.0, float("inf")),
        best="about 1; well above, few dimensions are used, well below, noise fills the space",
        direction="neither",
        compute=lambda e: _decay(e.spread_spectrum.values, 1, None),
        undefined=(*SQUARED, "few_rows", "no_scatter", "one_eigenvalue", "hidden_decay"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for fewer than two nonzero eigenvalues, and where it hangs on some that "
        "are below the rounding of the sums",
        abbreviation="α-ReQ",
        variants="the published code fits a window of ranks (see the function); of ZᵀZ/n with "
        'center "none"',
        options=("normalize", "center"),
        function="powerlaw.alpha_req",
    )
)


def alpha_req(
    z: ArrayLike, *, first: int = 1, last: int | None = None, normalize: bool = False
) -> Float[Array, ""]:
    """Exponent α of the spectrum's power law, λ_i ∝ i^-α, fitted with weights 1/i.

    Args:
        z: `[n, d]` embeddings.
        first: the first rank i of the fit, from 1.
        last: the last rank of the fit; None takes all nonzero eigenvalues.
        normalize: take rows on the unit sphere, or as they are.

    Returns:
        A scalar, about 1 for the spectra that generalise best; NaN for fewer than two nonzero
        eigenvalues among the ranks.

    Raises:
        ValueError: `z` is not a matrix of real numbers, or the ranks are fewer than two.

    Source:
        Agrawal et al. 2022, α-ReQ: assessing representation quality by measuring eigenspectrum
        decay.

    Example:
        >>> import jax.numpy as jnp
        >>> print(alpha_req(jnp.diag(jnp.array([4.0, 2.0])), normalize=True))
        nan
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(alpha_req(cross))  # eigenvalues 4 and 1: log 4 / log 2
        2.0
    """
    if first < 1 or (last is not None and last <= first):
        raise ValueError(f"the fit needs ranks 1 ≤ first < last; got {first} and {last}")
    e = Evidence(ClassMoments.of(checks.rows(z), None, 1, normalize=normalize))
    undefined = _hangs(e, first, last)
    for name in ("not_finite", *ALPHA_REQ.undefined):
        if name != "hidden_decay":  # that is of all ranks
            undefined = undefined | CONDITIONS[name].holds(e)
    return jnp.where(undefined, jnp.nan, _decay(e.spread_spectrum.values, first, last))
