"""Newton's end game: from a packing good to 1e-5 to one good to 1e-13.

Minimise t subject to s_ij(x) <= t over the nearly worst pairs, s = |<x_i, x_j>|^2 or <x_i, x_j>, on
the product of spheres (of projective spaces, for complex lines), by a primal-dual interior point
with the exact Riemannian Hessian (Boyd, Vandenberghe 2004, 11.7; Absil, Mahony, Sepulchre 2008).
NumPy on the host: one dense factorisation a step, quadratic at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gramax.frames.codebooks import Kind, similarities
from gramax.frames.search.newton import Point, Step, newton_step

FIRST_BARRIER = 2e-6
"""The first barrier, which is about as far from the optimum as annealing ends."""

LAST_BARRIER = 1e-16
"""The last barrier. The number of pairs times this is the gap that is left in s."""

NEAR_WORST = 0.05
"""Pairs whose s is this close to t enter the Newton matrix."""

MAX_FREE_VARIABLES = 1200
"""More free variables than this are not worth a dense Newton step."""


def free_variables(c: int, width: int, kind: Kind) -> int:
    """The dimension of the space of codebooks, which is what one Newton step solves for."""
    return c * (width - (2 if kind == "complex" else 1))


def polish(x: np.ndarray, kind: Kind, steps: int = 60, beat: float = np.inf) -> np.ndarray:
    """The local optimum near the real rows `x` of norm 1, to rounding; never worse than `x`.

    At most `steps` Newton steps are taken (20 to 30 are usual), and fewer once it is clear that the
    optimum's coherence is above `beat`.
    """
    i, j = np.triu_indices(len(x), 1)

    def values(x: np.ndarray) -> np.ndarray:
        return similarities(x, x, kind)[i, j]

    s = values(x)
    best, worst = x, s.max()
    t, barrier = _centre(s), FIRST_BARRIER
    slack = t - s
    multiplier = barrier / slack
    hopeless = beat if kind == "signed" else beat * beat
    for _ in range(steps):
        near = slack < NEAR_WORST  # the others pull with barrier / slack: nothing
        point = Point(x, i[near], j[near], slack[near], multiplier[near], barrier)
        step = newton_step(point, kind)
        if step is None:
            break
        x, t, slack, length = _search(x, t, slack, near, step, barrier, values)
        multiplier[~near] = barrier / slack[~near]
        falling = step.dmultiplier < 0
        room = np.min(-multiplier[near][falling] / step.dmultiplier[falling], initial=2.0)
        multiplier[near] += min(1.0, 0.99 * room) * step.dmultiplier
        multiplier = np.clip(multiplier, 1e-4 * barrier / slack, 1e4 * barrier / slack)
        now = values(x).max()
        if now < worst:
            best, worst = x, now
        central = length > 0.9 and step.stationary < 20 * barrier * near.sum() + 1e-10
        if central or length == 0.0:
            least = t - 2 * barrier * near.sum()  # the duality gap, and as much again for doubt
            if barrier <= LAST_BARRIER or (central and least > hopeless + 1e-10):
                break
            barrier = max(barrier * (0.1 if barrier > 1e-9 else 0.02), LAST_BARRIER)
    return best


def _centre(s: np.ndarray) -> float:
    """The t at which the multipliers barrier / (t - s) sum to 1, as they must at the optimum."""
    low, high = FIRST_BARRIER, FIRST_BARRIER * len(s)
    for _ in range(60):
        middle = (low + high) / 2
        if np.sum(FIRST_BARRIER / (s.max() + middle - s)) > 1:
            low = middle
        else:
            high = middle
    return float(s.max() + high)


def _search(
    x: np.ndarray,
    t: float,
    slack: np.ndarray,
    near: np.ndarray,
    step: Step,
    barrier: float,
    values: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, float, np.ndarray, float]:
    """Backtrack until every slack stays positive and the barrier function falls (Armijo)."""
    length = min(1.0, 0.2 / (np.abs(step.dx).max() + 1e-300))
    pull = barrier / slack[near]
    rate = step.dt * (1 - np.sum(pull)) + float(pull @ step.ds)
    for _ in range(30):
        y = x + length * step.dx
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        left = t + length * step.dt - values(y)
        if np.all(left > 0.005 * slack):
            change = length * step.dt - barrier * np.sum(np.log(left / slack))
            if change <= 1e-4 * length * rate + 1e-15:
                return y, t + length * step.dt, left, length
        length *= 0.5
    return x, t, slack, 0.0
