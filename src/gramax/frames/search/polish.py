"""Newton's end game: from a packing good to 1e-5 to one good to 1e-13.

Minimise t subject to s_ij(x) <= t over the nearly worst pairs, s = |<x_i, x_j>|^2 or <x_i, x_j>, on
the product of spheres (of projective spaces, for complex lines), by a primal-dual interior point
with the exact Riemannian Hessian (Boyd, Vandenberghe 2004, 11.7; Absil, Mahony, Sepulchre 2008).
NumPy on the host: one dense factorisation a step, quadratic at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gramax.frames.codebooks import Kind, similarities, times_i, unit

FIRST_BARRIER = 2e-6  # The first barrier, which is about as far from the optimum as annealing ends
LAST_BARRIER = 1e-16
"""The last barrier. The number of pairs times this is the gap that is left in s."""

NEAR_WORST = 0.05  # Pairs whose s is this close to t enter the Newton matrix
MAX_FREE_VARIABLES = 1200  # More free variables than this are not worth a dense Newton step


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
        return similarities(x, x, kind)[0][i, j]

    s = values(x)
    best, worst = x, s.max()
    t, barrier = _centre(s), FIRST_BARRIER
    slack = t - s
    multiplier = barrier / slack
    hopeless = beat if kind == "signed" else beat * beat
    for _ in range(steps):
        near = slack < NEAR_WORST  # the others pull with barrier / slack: nothing
        pairs = (i[near], j[near])
        step = _newton_step(x, pairs, slack[near], multiplier[near], barrier, kind)
        if step is None:
            break
        dx, dt, ds, change, stationary = step
        pull = barrier / slack[near]
        rate = dt * (1 - np.sum(pull)) + float(pull @ ds)
        x, t, slack, length = _search(x, t, slack, dx, dt, rate, barrier, values)
        multiplier[~near] = barrier / slack[~near]
        falling = change < 0
        room = np.min(-multiplier[near][falling] / change[falling], initial=2.0)
        multiplier[near] += min(1.0, 0.99 * room) * change
        multiplier = np.clip(multiplier, 1e-4 * barrier / slack, 1e4 * barrier / slack)
        now = values(x).max()
        if now < worst:
            best, worst = x, now
        central = length > 0.9 and stationary < 20 * barrier * near.sum() + 1e-10
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
    dx: np.ndarray,
    dt: float,
    rate: float,
    barrier: float,
    values: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, float, np.ndarray, float]:
    """Backtrack until every slack stays positive and the barrier function falls (Armijo).

    `rate` is the slope of the barrier function. Returns rows, t, slacks and the length of the step.
    """
    length = min(1.0, 0.2 / (np.abs(dx).max() + 1e-300))
    for _ in range(30):
        y = unit(x + length * dx)
        left = t + length * dt - values(y)
        if np.all(left > 0.005 * slack):
            change = length * dt - barrier * np.sum(np.log(left / slack))
            if change <= 1e-4 * length * rate + 1e-15:
                return y, t + length * dt, left, length
        length *= 0.5
    return x, t, slack, 0.0


def _newton_step(
    x: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    slack: np.ndarray,
    multiplier: np.ndarray,
    barrier: float,
    kind: Kind,
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, float] | None:
    """The primal-dual step, solved for the rows with slacks and multipliers eliminated.

    Returns the steps of rows, t, s and multipliers, and how far the rows are from stationary; None
    where no shift makes the Newton matrix definite.
    """
    (i, j), c = pairs, len(x)
    normal = x[:, :, None]
    if kind == "complex":  # the direction i x, which changes the phase alone, is left out
        normal = np.stack([x, times_i(x)], axis=-1)
    basis, _ = np.linalg.qr(normal, mode="complete")
    tangents = basis[:, :, normal.shape[-1] :]  # of each row, `[c, k, free]`
    free = tangents.shape[-1]
    slopes = _derivatives(x, tangents, i, j, kind)
    _, at_i, at_j, _, _ = slopes
    weight, pull = multiplier / slack, barrier / slack
    bend = (1 if kind == "signed" else 2) * multiplier
    matrix = _newton_matrix(c, pairs, slopes, multiplier, weight, bend)

    def gather(v: np.ndarray) -> np.ndarray:
        """J' v: gradients of s weighted by `v`, summed at each code."""
        total = np.zeros((c, free))
        np.add.at(total, i, v[:, None] * at_i)
        np.add.at(total, j, v[:, None] * at_j)
        return total.ravel()

    column = gather(weight)
    both = _solve(matrix, np.stack([-gather(pull), column], axis=1))
    if both is None:
        return None
    dt = float((pull.sum() - 1 + column @ both[:, 0]) / (weight.sum() - column @ both[:, 1]))
    move = (both[:, 0] + both[:, 1] * dt).reshape(c, free)
    ds = np.sum(at_i * move[i], axis=1) + np.sum(at_j * move[j], axis=1)
    dx = np.einsum("cka,ca->ck", tangents, move)
    return dx, dt, ds, pull - multiplier - weight * (dt - ds), np.abs(gather(multiplier)).max()


Slopes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]
"""The s of pairs, its gradients at both codes, its mixed second derivatives, and the forms'."""


def _newton_matrix(
    c: int,
    pairs: tuple[np.ndarray, np.ndarray],
    slopes: Slopes,
    multiplier: np.ndarray,
    weight: np.ndarray,
    bend: np.ndarray,
) -> np.ndarray:
    """H + J' diag(weight) J, `[c free, c free]`, weight being multiplier / slack.

    H is the sum of multiplier times the Riemannian Hessian of s; on the diagonal that has the
    squares of the forms' gradients, and -2s (-s for points) from the spheres' curvature: `bend` s.
    """
    (i, j), (s, at_i, at_j, mixed, forms) = pairs, slopes
    free = at_i.shape[-1]
    cross = multiplier[:, None, None] * mixed
    cross += (weight[:, None] * at_i)[:, :, None] * at_j[:, None, :]
    blocks = np.zeros((c, c, free, free))
    blocks[i, j], blocks[j, i] = cross, np.swapaxes(cross, 1, 2)
    bend = np.bincount(i, bend * s, c) + np.bincount(j, bend * s, c)
    diagonal = -bend[:, None, None] * np.eye(free)
    for gi, gj, scale in [*((*form, 2 * multiplier) for form in forms), (at_i, at_j, weight)]:
        dense = np.zeros((c, c, free))
        root = np.sqrt(scale)[:, None]
        dense[i, j], dense[j, i] = root * gi, root * gj
        diagonal += np.matmul(np.swapaxes(dense, 1, 2), dense)
    blocks[np.arange(c), np.arange(c)] = diagonal
    return np.swapaxes(blocks, 1, 2).reshape(c * free, c * free)


def _derivatives(x: np.ndarray, t: np.ndarray, i: np.ndarray, j: np.ndarray, kind: Kind) -> Slopes:
    """The s of pairs (i, j) and its derivatives along geodesics, in coordinates of tangents `t`.

    These are the gradients at the two codes, `[pairs, free]`, and the mixed second derivatives,
    `[pairs, free, free]`; for lines also the gradients at i and j of the real and the imaginary
    part of <x, y>, whose squares make up s.
    """
    parts = [(x[i], x[j], t[j])]
    if kind == "complex":  # the imaginary part: x_i . J x_j = -(J x_i) . x_j
        turned = np.swapaxes(times_i(np.swapaxes(t, 1, 2)), 1, 2)
        parts.append((-times_i(x[i]), times_i(x[j]), turned[j]))
    s = at_i = at_j = cross = np.zeros(())
    forms, back = [], np.swapaxes(t[i], 1, 2)
    for left, right, tangents in parts:
        g = np.einsum("pk,pk->p", x[i], right)
        gi = np.matmul(back, right[:, :, None])[..., 0]
        gj = np.matmul(np.swapaxes(t[j], 1, 2), left[:, :, None])[..., 0]
        gij = np.matmul(back, tangents)
        if kind == "signed":
            return g, gi, gj, gij, []
        s = s + g * g
        at_i, at_j = at_i + 2 * g[:, None] * gi, at_j + 2 * g[:, None] * gj
        cross = cross + 2 * (gi[:, :, None] * gj[:, None, :] + g[:, None, None] * gij)
        forms.append((gi, gj))
    return s, at_i, at_j, cross, forms


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Solve with as much of the identity added as makes `matrix` positive definite.

    The unitary group leaves the Hessian singular at the optimum, so a little is always added.
    """
    shift = 1e-11 * np.abs(np.diag(matrix)).mean() + 1e-9
    for _ in range(12):
        shifted = matrix + shift * np.eye(len(matrix))
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            shift = max(shift * 30, 1e-6)
            continue
        return np.linalg.solve(shifted, right)
    return None
