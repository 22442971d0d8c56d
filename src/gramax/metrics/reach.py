"""Question 5: can a plain optimiser find the geometry?

The frame potential has no bad local minima on the product of spheres (Benedetto & Fickus 2003):
gradient descent from almost any start reaches its least value, max(c, c²/d), which orthonormal
codes have for c ≤ d and tight frames for c ≥ d. (It stays where it starts at a saddle, as from
e₁, e₁, e₁, e₂ in the plane.) What a codebook has above that, a plain optimiser can remove.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gramax._optional import need
from gramax._shapes import Float
from gramax.arrays import checks, pairs
from gramax.arrays.namespace import Array, compiled, namespace
from gramax.arrays.rows import unit_rows
from gramax.metrics.functions import declares
from gramax.metrics.registry import METRICS, SCALED

if TYPE_CHECKING:
    import optax

_SHARED: dict[str, Any] = {
    "question": "reach",
    "direction": "lower",
    "samples": False,
    "invariant": SCALED,
}


def _gap(potential: Float[Array, ""], c: Float[Array, ""], d: int) -> Float[Array, ""]:
    """Share above the floor, which only rounding can be below."""
    xp = namespace(c)
    return xp.maximum(potential / xp.where(c > d, c * c / d, c) - 1, 0.0)


@declares(
    **_SHARED,
    name="class_frame_potential",
    meaning="total crosstalk of the class codes: the sum of all squared cosines",
    formula="Σ_ab cos(m_a, m_b)², the diagonal included",
    source="Benedetto & Fickus 2003",
    interval=(1.0, float("inf")),
    best="max(c, c²/d) (a tight frame; orthonormal codes for c ≤ d)",
    compute=lambda e: pairs.potential(e.codes),
    of_codes=lambda e: e.potential,
    undefined=("few_codes",),
    degenerate="c² where all codes coincide",
    abbreviation="FP",
    arguments={"x": "`[c, d]` unit rows; rows of another length are taken as they are"},
    returns="A scalar, for unit rows at least max(c, c²/d); the off-diagonal part is c less.",
)
@compiled()
def frame_potential(x: Any) -> Float[Array, ""]:
    """Total crosstalk Σ_ij ⟨x_i, x_j⟩², the diagonal included.

    Example:
        >>> import numpy as np
        >>> print(frame_potential(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])).round(3))
        5.0
    """
    return pairs.potential(checks.wide(checks.rows(x, "x")))


METRICS.add(
    **_SHARED,
    name="class_tight_frame_gap",
    meaning="total crosstalk above what a plain optimiser reaches from almost any start",
    formula="class_frame_potential / max(c, c²/d) - 1",
    source="Benedetto & Fickus 2003",
    best="0 (a tight frame; orthonormal codes for c ≤ d)",
    compute=lambda e: _gap(pairs.potential(e.codes), e.code_count, e.dim),
    of_codes=lambda e: (
        max(e.potential / max(e.count, e.count**2 / e.dim) - 1, 0.0) if e.dim > 1 else math.nan
    ),
    undefined=("few_codes", "one_dimension"),
    degenerate="in one dimension every codebook is tight; min(c, d) - 1 where all codes coincide",
)


def descent(
    x0: Any,
    loss_fn: Callable[[Float[Array, "c d"]], Float[Array, ""]],
    opt: optax.GradientTransformation,
    steps: int,
) -> Float[Array, "_ c d"]:
    """Projected gradient descent on the product of spheres, as one `lax.scan` of JAX.

    Gradients are projected to the tangent space, any optax optimiser makes the update, and the
    rows are normalised again.

    Args:
        x0: `[c, d]` start; its rows are normalised.
        loss_fn: a differentiable function of `[c, d]` unit rows.
        opt: an optax optimiser.
        steps: number of steps, a static integer.

    Returns:
        `[steps+1, c, d]`: every iterate, the normalised start first.

    Raises:
        ValueError: `x0` is not a matrix of real numbers, or `steps` is negative.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> x0 = jnp.array([[1.0, 0.0], [1.0, 0.2]])
        >>> path = descent(x0, frame_potential, optax.sgd(0.1), 100)
        >>> print(path.shape, frame_potential(path[-1]).round(3))
        (101, 2, 2) 2.0
    """
    jax, jnp = need("jax", "descent", extra="jax"), need("jax.numpy", "descent", extra="jax")
    x0 = unit_rows(jnp.asarray(checks.rows(x0, "x0")))
    if steps < 0:
        raise ValueError(f"steps must be 0 or more; got {steps}")

    def step(state: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], Array]:
        x, memory = state
        slope = jax.grad(loss_fn)(x)
        slope = slope - jnp.sum(slope * x, axis=-1, keepdims=True) * x
        update, memory = opt.update(slope, memory, x)
        x = unit_rows(x + jnp.asarray(update))
        return (x, memory), x

    _, path = jax.lax.scan(step, (x0, opt.init(x0)), None, length=steps)
    return jnp.concatenate([x0[None], path])


def run_many(key: Array, c: int, d: int, n_seeds: int = 6, steps: int = 600) -> Float[Array, "_ _"]:
    """Frame potential descended from many random starts at once.

    Args:
        key: a JAX random key.
        c: number of codes.
        d: dimension.
        n_seeds: number of starts.
        steps: gradient steps of each.

    Returns:
        `[n_seeds, steps+1]` off-diagonal frame potential Σ_{i≠j} ⟨x_i, x_j⟩² of every iterate; all
        rows fall to the same floor, max(c²/d - c, 0).

    Raises:
        ValueError: a size is less than 1.

    Example:
        >>> import jax
        >>> floors = run_many(jax.random.key(0), 7, 3)[:, -1]
        >>> print(abs(floors - (49 / 3 - 7)).max() < 1e-3)
        True
    """
    jax, optax = (need(name, "run_many", extra="jax") for name in ("jax", "optax"))
    sizes = {"c": c, "d": d, "n_seeds": n_seeds}
    c, d, n_seeds = (checks.size(value, name) for name, value in sizes.items())
    # The potential's gradient is Lipschitz with a constant of about 4·max(1, c/d) near a minimum.
    opt = optax.sgd(0.125 / max(1.0, c / d))

    def one(key: Array) -> Array:
        path = descent(jax.random.normal(key, (c, d)), frame_potential, opt, steps)
        return jax.vmap(frame_potential)(path) - c

    return jax.vmap(one)(jax.random.split(key, n_seeds))
