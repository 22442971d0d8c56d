"""An order of codes in which similar ones stand together: the order of a heat map."""

from __future__ import annotations

import numpy as np

from gramax._shapes import Float, Int

LINKED = 1000
"""Codes that are clustered by average linkage, which takes c² memory and time."""


def similar_order(codes: Float[np.ndarray, "c d"]) -> Int[np.ndarray, " c"]:
    """An order of the codes in which those with large cosines are neighbours.

    Up to `LINKED` codes are ordered by average linkage. More are first halved along their principal
    axis (Boley 1998), again and again.

    Args:
        codes: `[c, d]` unit rows; a zero row has cosine 0 with all.

    Returns:
        Each of 0..c-1 once.

    Example:
        >>> import numpy as np
        >>> turn = np.array([0.0, 2.0, 0.1, 2.1])
        >>> order = similar_order(np.stack([np.cos(turn), np.sin(turn)], axis=1)).tolist()
        >>> sorted(order[:2]) in ([0, 2], [1, 3])
        True
    """
    if len(codes) <= LINKED:
        return _linked(codes @ codes.T)
    along = (codes - codes.mean(axis=0)) @ principal_axes(codes, 1)[0]
    order = np.argsort(along, kind="stable")
    halves = (order[: len(order) // 2], order[len(order) // 2 :])
    return np.concatenate([half[similar_order(codes[half])] for half in halves])


def principal_axes(x: Float[np.ndarray, "n d"], k: int) -> Float[np.ndarray, "k d"]:
    """The first `k` principal axes of the rows, by subspace iteration: no d×d matrix is made.

    The sign of each makes its largest entry positive.
    """
    x = x - x.mean(axis=0)
    wide = min(k + 8, *x.shape)
    basis = np.random.default_rng(0).normal(size=(x.shape[1], wide)).astype(x.dtype)
    for _ in range(16):
        basis = np.linalg.qr(x.T @ (x @ basis))[0]
    _, _, turned = np.linalg.svd(x @ basis, full_matrices=False)
    axes = (basis @ turned.T).T[:k]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.where(largest < 0, -1, 1)


def _linked(cosines: Float[np.ndarray, "c c"]) -> Int[np.ndarray, " c"]:
    """The leaves of average linkage, by chains of nearest neighbours (Murtagh 1983).

    Where two clusters join, they are turned so that their most similar ends touch.
    """
    near = cosines.astype(np.float64)
    np.fill_diagonal(near, -np.inf)
    leaves: dict[int, list[int]] = {i: [i] for i in range(len(near))}
    chain: list[int] = []
    while len(leaves) > 1:
        if not chain:
            chain.append(next(iter(leaves)))
        tip = chain[-1]
        best = int(near[tip].argmax())
        if len(chain) > 1 and near[tip, chain[-2]] >= near[tip, best]:
            a, b = chain.pop(), chain.pop()
            _join(near, leaves, cosines, min(a, b), max(a, b))
        else:
            chain.append(best)
    return np.array(next(iter(leaves.values()), []), np.int64)


def _join(
    near: np.ndarray, leaves: dict[int, list[int]], cosines: np.ndarray, a: int, b: int
) -> None:
    """Cluster b becomes a part of cluster a."""
    left, right = leaves[a], leaves.pop(b)
    mean = (len(left) * near[a] + len(right) * near[b]) / (len(left) + len(right))
    mean[[a, b]] = -np.inf
    near[a], near[:, a] = mean, mean
    near[b], near[:, b] = -np.inf, -np.inf
    turns = [(x, y) for x in (left, left[::-1]) for y in (right, right[::-1])]
    first, second = max(turns, key=lambda turn: cosines[turn[0][-1], turn[1][0]])
    leaves[a] = first + second
