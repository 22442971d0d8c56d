"""Watch the geometry of a latent space while training on all devices of one machine.

    python examples/sharded_training.py             # the devices that there are
    python examples/sharded_training.py --cpus 8    # eight devices made of one CPU, to try it out

The batch is sharded over a mesh, the weights are on every device. For the report rows stay where
they are: sums of c·d and d² numbers go between the devices.
"""

from __future__ import annotations

import argparse

import jax
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gramax import ClassMoments, latent_geometry_report, report

CLASSES, INPUTS, DIM, BATCH = 10, 32, 16, 512
SHOWN = ("collapse_ratio", "effective_rank", "class_simplex_error", "class_coherence")


def embed(weights: dict, x: jax.Array) -> jax.Array:
    """The latent space: the layer before the classifier."""
    return jax.nn.tanh(x @ weights["hidden"]) @ weights["latent"]


def batch(key: jax.Array, centres: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Noisy points around one centre a class; your own loader goes here."""
    labels, noise = jax.random.split(key)
    y = jax.random.randint(labels, (BATCH,), 0, CLASSES)
    return centres[y] + jax.random.normal(noise, (BATCH, INPUTS)), y


def main() -> None:
    """Train, and print the report every few steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=50, help="steps between two reports")
    parser.add_argument("--cpus", type=int, help="make this many devices of one CPU")
    options = parser.parse_args()
    if options.cpus:
        jax.config.update("jax_num_cpu_devices", options.cpus)

    # Automatic axes: the code is written as for one device, and XLA cuts it.
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    by_rows = NamedSharding(mesh, PartitionSpec("data"))
    everywhere = NamedSharding(mesh, PartitionSpec())

    keys = jax.random.split(jax.random.key(0), 4)
    sizes = {"hidden": (INPUTS, 64), "latent": (64, DIM), "classes": (DIM, CLASSES)}
    weights = {
        name: jax.random.normal(key, size) / size[0] ** 0.5
        for key, (name, size) in zip(keys, sizes.items(), strict=False)
    }
    centres = 1.2 * jax.random.normal(keys[3], (CLASSES, INPUTS))
    optimizer = optax.adam(1e-2)
    state = jax.device_put((weights, optimizer.init(weights)), everywhere)

    @jax.jit
    def step(state, x, y):
        def loss(weights):
            logits = embed(weights, x) @ weights["classes"]
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        weights, memory = state
        updates, memory = optimizer.update(jax.grad(loss)(weights), memory)
        return optax.apply_updates(weights, updates), memory

    @jax.jit
    def look(state, x, y):
        return latent_geometry_report(embed(state[0], x), y, CLASSES)

    @jax.jit
    def collect(moments, state, x, y):
        return moments.update(embed(state[0], x), y)

    print("step  " + "  ".join(SHOWN))
    for i in range(options.steps + 1):
        x, y = jax.device_put(batch(jax.random.key(i), centres), by_rows)
        if i % options.every == 0:
            numbers = look(state, x, y)
            print(f"{i:4}  " + "  ".join(f"{numbers[k]:{len(k)}.4f}" for k in SHOWN))
        state = step(state, x, y)

    # More rows than fit: moments of many batches, then every metric that they determine.
    moments = jax.device_put(ClassMoments.empty(CLASSES, DIM), everywhere)
    for i in range(20):
        moments = collect(
            moments, state, *jax.device_put(batch(jax.random.key(-1 - i), centres), by_rows)
        )
    numbers = report(moments)
    print(f"after training, {float(moments.total):.0f} rows over {jax.device_count()} devices:")
    print("  ".join(f"{k} {numbers[k]:.4f}" for k in SHOWN))


if __name__ == "__main__":
    main()
