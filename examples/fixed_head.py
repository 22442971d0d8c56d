"""A classifier whose head is fixed at a simplex, beside one whose head learns: both audited.

python examples/fixed_head.py
python examples/fixed_head.py --d 5     # ten classes in five dimensions: the best packing instead

Neural collapse ends in a simplex; a head that stands there from the start saves learning it.
(Yang et al., NeurIPS 2022; Zhu et al., NeurIPS 2021.)
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import optax

import gramax
from gramax.arrays.rows import unit_rows
from gramax.cli.digits_demo import digits
from gramax.frames import etf_head

CLASSES, WIDTH, BATCH = 10, 128, 128
SCALE = 10.0  # of the logits: features and head are unit rows

ROWS = ("collapse_ratio", "effective_rank", "class_simplex_error_centred", "class_largest_cosine")


def initial(key, d):
    """Two layers, and a head of random directions."""
    keys = jax.random.split(key, 3)
    shapes = ((64, WIDTH), (WIDTH, d), (CLASSES, d))
    first, second, head = (jax.random.normal(*pair) for pair in zip(keys, shapes, strict=True))
    return {"first": first / 8, "second": second / WIDTH**0.5, "head": head}


def features(params, x):
    return unit_rows(jax.nn.relu(x @ params["first"]) @ params["second"])


def logits(params, x):
    return SCALE * features(params, x) @ unit_rows(params["head"]).T


@partial(jax.jit, static_argnames="epochs")
def trained(params, x, y, learns, key, epochs):
    """The parameters after some epochs of Adam; a head that does not learn stays as it is."""
    opt = optax.adam(optax.cosine_decay_schedule(3e-3, epochs * (len(x) // BATCH)))

    def loss(params, rows):
        scores = logits(params, x[rows])
        return optax.softmax_cross_entropy_with_integer_labels(scores, y[rows]).mean()

    def step(state, rows):
        params, memory = state
        slope = jax.grad(loss)(params, rows)
        slope = slope | {"head": learns * slope["head"]}
        update, memory = opt.update(slope, memory, params)
        return (optax.apply_updates(params, update), memory), None

    def epoch(state, key):
        rows = jax.random.permutation(key, len(x))[: len(x) // BATCH * BATCH]
        return jax.lax.scan(step, state, rows.reshape(-1, BATCH))

    keys = jax.random.split(key, epochs)
    return jax.lax.scan(epoch, (params, opt.init(params)), keys)[0][0]


def compare(epochs=60, d=16, seed=0):
    """Train with either head: parameters, test error and the audit of the test split, by head."""
    train, (x, y) = digits()
    key = jax.random.key(seed)
    start = initial(key, d)
    heads = {"fixed": (etf_head(CLASSES, d, key=seed), 0.0), "learned": (start["head"], 1.0)}
    found = {}
    for name, (head, learns) in heads.items():
        params = trained(start | {"head": head}, *train, learns, key, epochs)
        wrong = jnp.mean(jnp.argmax(logits(params, x), axis=1) != y)
        found[name] = (params, float(wrong), gramax.audit(features(params, x), y, portrait=False))
    return found


def table(found):
    """The comparison as text."""
    lines = [f"{'on the test split':<30}" + "".join(f"{name:>10}" for name in found)]
    lines += [f"{'error':<30}" + "".join(f"{wrong:>10.2%}" for _, wrong, _ in found.values())]
    for row in ROWS:
        lines += [f"{row:<30}" + "".join(f"{r[row]:>10.3f}" for _, _, r in found.values())]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--d", type=int, default=16)
    args = parser.parse_args()
    results = compare(args.epochs, args.d)
    print(table(results))
    for head, (_, _, report) in results.items():
        print(f"\n{head}: {report.diagnosis.text}\n{report.answers[4].text}")
