"""Equinox (or plain JAX): `ClassMoments` is a pytree, so it lives inside your own jitted step.

python examples/train_equinox.py --out run.jsonl
"""

import argparse

import equinox as eqx
import jax
import optax

from gramax import ClassMoments
from gramax.cli.digits_demo import digits
from gramax.training import measure
from gramax.training.sinks import JsonLinesSink, log_report


class Classifier(eqx.Module):
    """Two layers of features, and a linear classifier over them."""

    first: eqx.nn.Linear
    second: eqx.nn.Linear
    head: eqx.nn.Linear

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        self.first = eqx.nn.Linear(64, 128, key=keys[0])
        self.second = eqx.nn.Linear(128, 32, key=keys[1])
        self.head = eqx.nn.Linear(32, 10, key=keys[2])

    def __call__(self, x):
        features = self.second(jax.nn.relu(self.first(x)))
        return features, self.head(jax.nn.relu(features))


def main(epochs=20, out="run.jsonl"):
    (x, y), _ = digits()
    model = Classifier(jax.random.key(0))
    optimizer = optax.adamw(1e-3)
    state = optimizer.init(eqx.filter(model, eqx.is_array))

    @eqx.filter_jit
    def step(model, state, moments, x, y):
        """One step of training; the batch's features join the moments as they pass."""

        def loss(model):
            features, logits = jax.vmap(model)(x)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
            return losses.mean(), features

        (value, features), grads = eqx.filter_value_and_grad(loss, has_aux=True)(model)
        updates, state = optimizer.update(grads, state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, updates), state, moments.update(features, y), value

    batches = len(x) // 128
    with JsonLinesSink(out, fresh=True) as sink:
        for epoch in range(1, epochs + 1):
            moments = ClassMoments.empty(10, 32)
            order = jax.random.permutation(jax.random.key(epoch), len(x))
            for rows in order[: batches * 128].reshape(batches, 128):
                model, state, moments, value = step(model, state, moments, x[rows], y[rows])
            extra = {"epoch": epoch, "loss": float(value)}
            log_report(sink, epoch * batches, moments, name="train", extra=extra)
            found = measure(moments)
            print(f"epoch {epoch:3d}  loss {value:.3f}  ", end="")
            print(f"collapse ratio {found['collapse_ratio']:.3f}  ", end="")
            print(f"effective rank {found['effective_rank']:.2f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    main(**vars(parser.parse_args()))
