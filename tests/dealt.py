"""Run on 8 devices made of one CPU, in a process of its own: `python -m tests.dealt`.

Prints what one device and eight find in one codebook, rows sharded or not, as one JSON object.
"""

import json

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from gramax import metrics
from gramax.arrays import pairs

AUTO, EXPLICIT = jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit
FUNCTIONS = {
    "worst pairs": lambda x, mesh: metrics.worst_pairs(x, 3, mesh),
    "histogram": lambda x, mesh: metrics.crosstalk_histogram(x, 4, mesh)[0],
    "babel": lambda x, mesh: metrics.babel(x, 3, mesh),
}


def main():
    jax.config.update("jax_num_cpu_devices", 8)
    pairs.TILE_SIDE = 16
    x = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    x[300] = -x[20]
    one = {name: f(jax.numpy.asarray(x), None) for name, f in FUNCTIONS.items()}
    results = {}
    for kind, spec in ((AUTO, P()), (EXPLICIT, P(("a", "b")))):
        mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(kind, kind))
        sharded = jax.device_put(x, NamedSharding(mesh, spec))
        for name in FUNCTIONS if kind == AUTO else ("worst pairs",):
            both = zip(
                *map(jax.tree.leaves, (one[name], FUNCTIONS[name](sharded, mesh))), strict=True
            )
            results[f"{name}, {kind}"] = [[np.asarray(v).tolist() for v in pair] for pair in both]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
