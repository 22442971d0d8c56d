"""The demo: a small network learns handwritten digits, and its classes collapse to a simplex.

Trained past zero error with weight decay, the last features of a classifier tighten around their
class means, and the means, centred, take the angles of a simplex: cosines of -1/9 for ten digits
(Papyan, Han, Donoho 2020). The demo audits the features as that happens.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from gramax._files import check_folder, make_folder, write_array, write_text
from gramax._optional import need
from gramax.audits.audit import audit
from gramax.audits.report import Report
from gramax.audits.run_log import Entry, RunLog
from gramax.audits.snapshot import snapshot
from gramax.moments import ClassMoments

CLASSES = 10
WIDTHS = (64, 256, 256, 64, CLASSES)
EPOCHS, BATCH, RATE, DECAY = 300, 128, 0.1, 2e-3

HEADING = f"{'epoch':>5}  train err  test err  collapse  eff. rank  off-diagonal cosines"

Params = list[tuple[Array, Array]]
Split = tuple[Float[Array, "n d"], Array]


class Epoch(NamedTuple):
    """One audited epoch of the run: the training and the test digits."""

    train: Entry
    test: Entry

    def __str__(self) -> str:
        """The audits as a line under `HEADING`."""
        extra, numbers = self.train.extra, self.train.numbers
        off = np.asarray(self.train.cosines)[~np.eye(CLASSES, dtype=bool)]
        return (
            f"{int(extra['epoch']):>5}  {extra['error']:>9.2%}  {self.test.extra['error']:>8.2%}  "
            f"{numbers['collapse_ratio']:>8.2g}  {numbers['effective_rank']:>9.2f}  "
            f"{off.min():+.3f} to {off.max():+.3f}"
        )


def digits(seed: int = 0) -> tuple[Split, Split]:
    """scikit-learn's handwritten digits, centred, as a train and a test split."""
    x, y = _sklearn().load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x = jnp.asarray(x[order] / 16, jnp.float32)
    y = jnp.asarray(y[order], jnp.int32)
    cut = round(0.8 * len(x))
    x = x - x[:cut].mean(axis=0)
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def _sklearn() -> Any:
    return need("sklearn.datasets", "the demo", "scikit-learn", "demo")


def features(params: Params, x: Float[Array, "n 64"]) -> Float[Array, "n 64"]:
    """The embeddings: three layers, each normalised, the first two rectified."""
    for depth, (weight, bias) in enumerate(params[:-1]):
        x = jax.nn.standardize(x @ weight + bias)
        x = jax.nn.relu(x) if depth < len(params) - 2 else x
    return x


def logits(params: Params, x: Float[Array, "n 64"]) -> Float[Array, "n 10"]:
    """The linear classifier over the features."""
    weight, bias = params[-1]
    return features(params, x) @ weight + bias


@jax.jit
def _features_and_error(params: Params, x: Array, y: Array) -> tuple[Array, Array]:
    return features(params, x), jnp.mean(jnp.argmax(logits(params, x), axis=1) != y)


def _trainer(split: Split, epochs: int) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """The optimiser, and one epoch of it as a compiled function."""
    x, y = split
    batches = len(x) // BATCH
    rate = optax.cosine_decay_schedule(RATE, epochs * batches, alpha=0.01)
    opt = optax.chain(optax.add_decayed_weights(DECAY), optax.sgd(rate, momentum=0.9))

    def loss(params: Params, rows: Array) -> Array:
        scores = logits(params, x[rows])
        return optax.softmax_cross_entropy_with_integer_labels(scores, y[rows]).mean()

    def step(state: tuple[Params, Any], rows: Array) -> tuple[tuple[Params, Any], None]:
        params, memory = state
        update, memory = opt.update(jax.grad(loss)(params, rows), memory, params)
        moved: Any = optax.apply_updates(params, update)
        return (moved, memory), None

    @jax.jit
    def epoch(params: Params, memory: Any, key: Array) -> tuple[Params, Any]:
        rows = jax.random.permutation(key, len(x))[: batches * BATCH].reshape(batches, BATCH)
        return jax.lax.scan(step, (params, memory), rows)[0]

    return opt, epoch


def train(
    splits: tuple[Split, Split],
    epochs: int,
    seed: int = 0,
    progress: Callable[[Epoch], None] = lambda _: None,
) -> tuple[Params, list[Epoch]]:
    """Train on the first split and audit both as it goes, more often at the start."""
    key, start = jax.random.split(jax.random.key(seed))
    keys = jax.random.split(start, len(WIDTHS) - 1)
    params = [  # He-normal weights and zero biases
        (jax.random.normal(k, (a, b)) * jnp.sqrt(2 / a), jnp.zeros(b))
        for k, a, b in zip(keys, WIDTHS, WIDTHS[1:], strict=False)
    ]
    opt, epoch = _trainer(splits[0], epochs)
    memory, story = opt.init(params), []
    marks = set(np.unique(np.rint(np.geomspace(1, epochs + 1, 60)).astype(int) - 1))
    for done in range(epochs + 1):
        if done in marks:
            story.append(_audited(params, splits, done))
            progress(story[-1])
        if done < epochs:
            params, memory = epoch(params, memory, jax.random.fold_in(key, done))
    return params, story


def _audited(params: Params, splits: tuple[Split, Split], epoch: int) -> Epoch:
    """Both splits, audited on the host in float64."""
    step = epoch * (len(splits[0][0]) // BATCH)
    entries = []
    for name, (x, y) in zip(Epoch._fields, splits, strict=True):
        z, error = _features_and_error(params, x, y)
        moments = ClassMoments.of(np.asarray(z), np.asarray(y), CLASSES)
        own = {"epoch": epoch, "error": float(error)}
        entries.append(snapshot(step, moments, name=name, extra=own).entry)
    return Epoch(*entries)


def check(out: str | Path) -> None:
    """Raise what `run` would where it cannot begin; nothing is made.

    Raises:
        InputError: the folder cannot be made.
        MissingExtraError: scikit-learn, matplotlib or Pillow is not installed.
    """
    from gramax.render import style

    _sklearn()
    style.require()
    check_folder(out)


def run(
    out: str | Path = "demo",
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Train, audit, and leave the embeddings, the log, the report and the picture in `out`.

    Args:
        out: folder, made where it is missing.
        epochs: passes over the training digits.
        seed: of the weights and the order of the batches.
        progress: called with a line for every `Epoch`.

    Returns:
        The final audit of the training embeddings.

    Raises:
        InputError: the folder cannot be made, or a file in it not written.
        MissingExtraError: scikit-learn, matplotlib or Pillow is not installed.
    """
    from gramax.render.timelines import training_story

    check(out)
    out, splits = make_folder(out), digits()
    with RunLog(out / "run.jsonl", fresh=True) as log:

        def tell(shot: Epoch) -> None:
            for entry in shot:
                log.append(entry)
            progress(str(shot))

        params, story = train(splits, epochs, seed, tell)
    for name, (x, y) in zip(Epoch._fields, splits, strict=True):
        write_array(out / f"{name}_embeddings.npy", features(params, x))
        write_array(out / f"{name}_labels.npy", y)
    found = audit(out / "train_embeddings.npy", out / "train_labels.npy")
    write_text(out / "report.json", json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    training_story([shot.train for shot in story], out / "demo.gif")
    return found
