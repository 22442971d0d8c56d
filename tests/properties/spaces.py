"""Spaces that every registered metric can be asked about, and the changes that some must survive.

A space is rows with labels and whatever else metrics need: positive pairs, a classifier, outliers.
All tests share a few shapes, because each shape is a compilation of seconds.
"""

from dataclasses import dataclass, replace

import numpy as np

N, D, C = 120, 8, 5


@dataclass(frozen=True)
class Space:
    """Rows `z` in classes `y`, each with a positive `pair`; a classifier; the mean of outliers.

    Rows of `weight` 0 do not exist, for metrics that take no weights either.
    """

    z: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    pair: np.ndarray
    W: np.ndarray
    b: np.ndarray
    outlier: np.ndarray

    @property
    def means(self):
        """Class means; zero for a class without rows."""
        there = self.weight > 0
        of = [self.z[there & (self.y == k)] for k in range(C)]
        return np.stack([rows.mean(axis=0) if len(rows) else 0 * self.z[0] for rows in of])

    def astype(self, dtype):
        floats = {name: v.astype(dtype) for name, v in vars(self).items() if name != "y"}
        return replace(self, **floats)

    def mapped(self, move, direction=None):
        """With `move` applied to all that lies in the space; directions go as `direction` says."""
        return replace(
            self,
            z=move(self.z),
            pair=move(self.pair),
            outlier=move(self.outlier[None])[0],
            W=self.W if direction is None else direction(self.W),
        )


def space(rng, z, y, **more):
    """The space of these rows; what is not given is random."""
    n, d = z.shape
    given = {
        "weight": np.ones(n),
        "pair": z + 0.3 * rng.normal(size=(n, d)),
        "W": rng.normal(size=(C, d)),
        "b": rng.normal(size=C),
        "outlier": rng.normal(size=d),
    }
    return Space(z=np.asarray(z, float), y=y.astype(np.int32), **(given | more))


def clouds(seed, spread=0.5, offset=0.4, n=N, d=D):
    """Gaussian classes of unequal sizes, about a point that is not the origin."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(C), np.arange(C), rng.integers(0, C, n - 2 * C) // 2])
    codes = rng.normal(size=(C, d))
    z = codes[y] + spread * rng.normal(size=(n, d)) + offset
    return space(rng, z, y, W=codes + 0.5 * rng.normal(size=(C, d)))


def rotation(rng):
    return np.linalg.qr(rng.normal(size=(D, D)))[0]


def rotated(s, rng):
    Q = rotation(rng)
    return s.mapped(lambda x: x @ Q, lambda W: W @ Q)


def rows_permuted(s, rng):
    order = rng.permutation(len(s.z))
    return replace(s, **{k: getattr(s, k)[order] for k in ("z", "y", "weight", "pair")})


def classes_permuted(s, rng):
    names = rng.permutation(C)
    back = np.argsort(names)
    return replace(s, y=names[s.y].astype(np.int32), W=s.W[back], b=s.b[back])


def scaled(s, rng):
    factor = np.exp(rng.uniform(-15, 15))
    return s.mapped(lambda x: factor * x)


def translated(s, rng):
    by = 3 * rng.normal(size=D)
    return s.mapped(lambda x: x + by)


def duplicated(s, rng):
    twice = {k: np.concatenate(2 * [getattr(s, k)]) for k in ("z", "y", "weight", "pair")}
    return replace(s, **twice)


def linearly_mapped(s, rng):
    A = rotation(rng) @ np.diag(np.exp(rng.uniform(-1, 1, D))) @ rotation(rng)
    return s.mapped(lambda x: x @ A, lambda W: W @ np.linalg.inv(A).T)


CHANGES = {
    "rotation": (rotated,),
    "permutation": (rows_permuted, classes_permuted),
    "scale": (scaled,),
    "translation": (translated,),
    "duplication": (duplicated,),
    "linear": (linearly_mapped,),
}
"""What each declared invariance means."""
