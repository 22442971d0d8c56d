"""gramax against the packages of the field, in float64: ``python -m benchmarks.peers``.

Compares with those that are installed: scikit-learn, IsoScore, scikit-dimension, neural-collapse
(and torch, which it needs). Balanced classes, so that the peers' weightings coincide.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from gramax import ClassMoments, Options, metrics, report

AGREE = 1e-6
"""Relative difference up to which two float64 implementations are called equal."""

Row = tuple[str, str, float, float]


def arrays(n: int = 1200, d: int = 24, c: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of c equal classes, with an offset and unequal directions."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % c
    scale = np.linspace(0.5, 2.0, d)
    return scale * (rng.normal(size=(c, d))[y] + 0.7 * rng.normal(size=(n, d))) + 0.3, y


def scikit_learn(z: np.ndarray, y: np.ndarray, ours: dict[str, float]) -> Iterator[Row]:
    pca = import_module("sklearn.decomposition").PCA().fit(z)
    values = pca.explained_variance_
    yield (
        "participation_ratio",
        "sklearn PCA",
        ours["participation_ratio"],
        (values.sum() ** 2 / (values**2).sum()),
    )
    yield "nesum", "sklearn PCA", ours["nesum"], values.sum() / values[0]
    centroids = import_module("sklearn.neighbors").NearestCentroid().fit(z, y)
    c = len(centroids.centroids_)
    agree = metrics.nc4_agreement(z, np.asarray(centroids.centroids_), np.zeros(c), y, c)
    scores = z @ centroids.centroids_.T
    yield (
        "nc4_agreement",
        "sklearn NearestCentroid",
        float(agree),
        float(np.mean(scores.argmax(axis=1) == centroids.predict(z))),
    )


def iso_score(z: np.ndarray, y: np.ndarray, ours: dict[str, float]) -> Iterator[Row]:
    peer = import_module("IsoScore.IsoScore").IsoScore
    yield "isoscore", "IsoScore", ours["isoscore"], float(peer(z))


def scikit_dimension(z: np.ndarray, y: np.ndarray, ours: dict[str, float]) -> Iterator[Row]:
    skdim = import_module("skdim")
    k = 20
    local = skdim.id.MLE().fit_transform(z, n_neighbors=k)
    yield "mle_id", "skdim MLE", float(metrics.mle_id(z, k)), float(local)
    yield (
        "two_nn",
        "skdim TwoNN",
        float(metrics.two_nn(z)),
        float(skdim.id.TwoNN().fit_transform(z)),
    )


def neural_collapse(z: np.ndarray, y: np.ndarray, ours: dict[str, float]) -> Iterator[Row]:
    torch, peer = import_module("torch"), import_module("neural_collapse.measure")
    means = torch.tensor(np.stack([z[y == k].mean(axis=0) for k in range(y.max() + 1)]))
    centre = means.mean(dim=0)
    residual = torch.tensor(z) - means[torch.tensor(y)]
    within = residual.T @ residual / len(z)
    spread = torch.tensor([float((residual[y == k] ** 2).sum(1).mean()) for k in range(len(means))])
    for name, kind in (("nc1_pinv", "pinv"), ("nc1_svd", "svd"), ("nc1_quotient", "quotient")):
        value = peer.covariance_ratio(within, means, centre, metric=kind)
        yield name, "neural-collapse", ours[name], value
    value = peer.variability_cdnv(spread.double(), means)
    yield "cdnv", "neural-collapse", ours["cdnv"], value
    yield (
        "nc2_etf_error",
        "neural-collapse",
        ours["nc2_etf_error"],
        peer.simplex_etf_error(means, centre),
    )
    lengths = peer.mean_norms(means, centre)
    cv = float(lengths.std() / lengths.mean())
    yield "nc2_equinorm (sample deviation)", "neural-collapse", ours["nc2_equinorm"], cv


PEERS: dict[str, Callable[..., Iterator[Row]]] = {
    "sklearn": scikit_learn,
    "IsoScore": iso_score,
    "skdim": scikit_dimension,
    "neural_collapse": neural_collapse,
}


def main() -> int:
    z, y = arrays()
    table = Table(title="The same arrays, float64")
    for column in ("metric", "peer", "gramax", "peer's", "relative difference"):
        table.add_column(column)
    absent: list[str] = []
    with jax.enable_x64(True):
        moments = ClassMoments.of(z, y, int(y.max()) + 1, normalize=False)
        ours = {k: float(v) for k, v in report(moments, Options(deviation="sample")).items()}
        for package, compare in PEERS.items():
            try:
                rows: list[Any] = list(compare(z, y, ours))
            except ImportError:
                absent.append(package)
                continue
            for name, peer, mine, theirs in rows:
                gap = abs(mine - theirs) / max(abs(theirs), 1e-300)
                style = "" if gap <= AGREE else "yellow"
                table.add_row(name, peer, f"{mine:.9g}", f"{theirs:.9g}", f"{gap:.1e}", style=style)
    console = Console(width=110)
    console.print(table)
    if absent:
        console.print(f"not installed, left out: {', '.join(absent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
