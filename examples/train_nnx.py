"""Flax NNX: watch the features of a digits classifier while it trains.

python examples/train_nnx.py --out run.jsonl
gramax watch run.jsonl        # in another terminal, or afterwards
gramax timeline run.jsonl --out run.png
"""

import argparse

import jax
import optax
from flax import nnx

from gramax.cli.digits_demo import digits
from gramax.training.nnx import GeometryMetric
from gramax.training.sinks import JsonLinesSink, log_report


class Classifier(nnx.Module):
    """Two layers of features, and a linear classifier over them."""

    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(64, 128, rngs=rngs)
        self.second = nnx.Linear(128, 32, rngs=rngs)
        self.head = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x):
        features = self.second(nnx.relu(self.first(x)))
        return features, self.head(nnx.relu(features))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x)[1], y).mean()

    optimizer.update(model, nnx.grad(loss)(model))


@nnx.jit
def eval_step(model, metrics, x, y):
    features, logits = model(x)
    metrics.update(features=features, logits=logits, labels=y)


def main(epochs=20, out="run.jsonl"):
    (x, y), (x_val, y_val) = digits()
    model = Classifier(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adamw(1e-3), wrt=nnx.Param)
    metrics = nnx.MultiMetric(accuracy=nnx.metrics.Accuracy(), geometry=GeometryMetric(10, 32))
    batches = len(x) // 128
    with JsonLinesSink(out, fresh=True) as sink:
        for epoch in range(1, epochs + 1):
            for rows in jax.random.permutation(jax.random.key(epoch), len(x))[
                : batches * 128
            ].reshape(batches, 128):
                train_step(model, optimizer, x[rows], y[rows])
            metrics.reset()
            eval_step(model, metrics, x_val, y_val)
            found = metrics.compute()
            log_report(
                sink,
                epoch * batches,
                metrics.geometry.moments.get_value(),
                name="val",
                extra={"epoch": epoch, "error": 1 - float(found["accuracy"])},
            )
            ratio, rank = (found["geometry"][name] for name in ("collapse_ratio", "effective_rank"))
            print(f"epoch {epoch:3d}  accuracy {found['accuracy']:.3f}  ", end="")
            print(f"collapse ratio {ratio:.3f}  effective rank {rank:.2f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    main(**vars(parser.parse_args()))
