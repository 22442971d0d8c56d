"""clu: the geometry in a `Collection`, beside loss and accuracy, over held-out digits.

python examples/train_clu.py --out run.jsonl

A metric of metrax has the same protocol: docs/training.md.
"""

import argparse

import jax
import jax.numpy as jnp
import optax
from clu import metrics
from flax import linen as nn
from flax import struct

from gramax.cli.digits_demo import digits
from gramax.training.clu import geometry_metric
from gramax.training.sinks import JsonLinesSink, log_report

BATCH = 128


class Classifier(nn.Module):
    """Two layers of features, and a linear classifier over them."""

    @nn.compact
    def __call__(self, x):
        features = nn.Dense(32)(nn.relu(nn.Dense(128)(x)))
        return features, nn.Dense(10)(nn.relu(features))


@struct.dataclass
class Metrics(metrics.Collection):
    """What is measured of the held-out rows, in one pass."""

    loss: metrics.Average.from_output("losses")
    accuracy: metrics.Accuracy
    geometry: geometry_metric(10, 32)


def losses_of(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y)


def batches_of(x, y):
    """Batches of one size: the last is filled up with rows that the mask leaves out."""
    for start in range(0, len(x), BATCH):
        rows, labels = x[start : start + BATCH], y[start : start + BATCH]
        short = BATCH - len(rows)
        yield (
            jnp.pad(rows, ((0, short), (0, 0))),
            jnp.pad(labels, (0, short)),
            jnp.arange(BATCH) < len(rows),
        )


def main(epochs=20, out="run.jsonl"):
    (x, y), val = digits()
    model, optimizer = Classifier(), optax.adamw(1e-3)
    params = model.init(jax.random.key(0), x[:1])
    state = optimizer.init(params)

    @jax.jit
    def train_step(params, state, x, y):
        grads = jax.grad(lambda params: losses_of(model.apply(params, x)[1], y).mean())(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    @jax.jit
    def eval_step(params, total, x, y, mask):
        """The metrics so far, and those of one more batch."""
        features, logits = model.apply(params, x)
        return total.merge(
            Metrics.single_from_model_output(
                features=features, logits=logits, labels=y, losses=losses_of(logits, y), mask=mask
            )
        )

    batches = len(x) // BATCH
    with JsonLinesSink(out, fresh=True) as sink:
        for epoch in range(1, epochs + 1):
            order = jax.random.permutation(jax.random.key(epoch), len(x))
            for rows in order[: batches * BATCH].reshape(batches, BATCH):
                params, state = train_step(params, state, x[rows], y[rows])
            total = Metrics.empty()
            for batch in batches_of(*val):
                total = eval_step(params, total, *batch)
            found = total.compute()
            extra = {
                "epoch": epoch,
                "loss": float(found["loss"]),
                "error": 1 - float(found["accuracy"]),
            }
            log_report(sink, epoch * batches, total.geometry.moments, name="val", extra=extra)
            ratio, rank = (found["geometry"][name] for name in ("collapse_ratio", "effective_rank"))
            print(f"epoch {epoch:3d}  accuracy {found['accuracy']:.3f}  ", end="")
            print(f"collapse ratio {ratio:.3f}  effective rank {rank:.2f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    main(**vars(parser.parse_args()))
