"""What the numbers cost on an accelerator, in one command: ``python -m benchmarks.gpu``.

Three tables, each of ratios taken within one run: the report over one bare ``z.T @ z``; coherence
over all pairs of codes in TFLOP/s against a plain product of large matrices; a training loop with
the report logged every 100 steps against the same loop without. On a CPU the sizes are small.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from rich.console import Console
from rich.table import Table

import gramax
from benchmarks.report import functions
from benchmarks.timing import in_turn, ratio

STEPS = 100
"""Steps of training between two reports."""


@dataclass(frozen=True)
class Sizes:
    """What is measured: (n, d, c) of the report, (c, d) of the codes, and the training loop."""

    report: tuple[tuple[int, int, int], ...]
    codes: tuple[tuple[int, int], ...]
    product: int
    batch: int
    width: int
    layers: int


LARGE = Sizes(
    report=((100_000, 512, 100), (200_000, 1024, 1000), (500_000, 768, 1000)),
    codes=((50_000, 256), (100_000, 256), (100_000, 1024)),
    product=8192,
    batch=4096,
    width=4096,
    layers=8,
)
SMALL = Sizes(
    report=((4000, 64, 10),), codes=((2000, 64),), product=512, batch=256, width=128, layers=2
)


def over_product(sizes: Sizes, rounds: int) -> Table:
    """The report and the moments over one bare product of the same rows."""
    table = Table("n", "d", "c", "bare, ms", "report", "moments", "eigenvalues, ms")
    table.title = "Time over one bare z.T @ z in float32"
    for n, d, c in sizes.report:
        key, other = jax.random.split(jax.random.key(0))
        z, y = jax.random.normal(key, (n, d)), jax.random.randint(other, (n,), 0, c)
        work = {"bare": jax.jit(lambda z, y: jnp.matmul(z.T, z, precision="highest"))}
        work |= {k: functions(d, c)[k] for k in ("report", "moments", "eigenvalues")}
        times = in_turn(work, z, y, rounds=rounds)
        over = [f"{ratio(times, name, 'bare'):.2f}" for name in ("report", "moments")]
        bare, values = (1e3 * statistics.median(times[k]) for k in ("bare", "eigenvalues"))
        table.add_row(f"{n:,}", f"{d:,}", f"{c:,}", f"{bare:.2f}", *over, f"{values:.1f}")
    return table


def coherence_speed(sizes: Sizes, rounds: int) -> Table:
    """Useful work of `coherence` (one product a pair) a second, and the machine's own ceiling."""
    table = Table("codes", "d", "coherence, TFLOP/s", "ceiling, TFLOP/s", "share")
    table.title = f"Coherence, and a {sizes.product:,}³ product, in float32 (highest precision)"
    a = jax.random.normal(jax.random.key(1), (sizes.product, sizes.product))
    for c, d in sizes.codes:
        w = jax.random.normal(jax.random.key(2), (c, d))
        work = {
            "coherence": jax.jit(lambda a, w: gramax.coherence(w)),
            "product": jax.jit(lambda a, w: jnp.matmul(a, a, precision="highest")),
        }
        times = in_turn(work, a, w, rounds=rounds)
        flops = {"coherence": c * (c - 1) * d, "product": 2 * sizes.product**3}
        speed = {k: flops[k] / statistics.median(times[k]) / 1e12 for k in work}
        share = f"{speed['coherence'] / speed['product']:.0%}"
        shown = (f"{speed[k]:.3g}" for k in ("coherence", "product"))
        table.add_row(f"{c:,}", f"{d:,}", *shown, share)
    return table


def logging_overhead(sizes: Sizes, rounds: int) -> Table:
    """100 steps of training with one report of the batch, over the same steps without."""
    classes, width = 100, sizes.width
    keys = jax.random.split(jax.random.key(3), sizes.layers + 2)
    weights = [jax.random.normal(k, (width, width)) / width**0.5 for k in keys[: sizes.layers]]
    head = jax.random.normal(keys[-2], (width, classes)) / width**0.5
    x = jax.random.normal(keys[-1], (sizes.batch, width))
    y = jnp.arange(sizes.batch) % classes
    optimizer = optax.adam(1e-4)

    def embed(weights, x):
        for w in weights:
            x = jnp.tanh(x @ w)
        return x

    @jax.jit
    def step(state, x, y):
        def loss(parameters):
            logits = embed(parameters[0], x) @ parameters[1]
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        parameters, memory = state
        updates, memory = optimizer.update(jax.grad(loss)(parameters), memory)
        return optax.apply_updates(parameters, updates), memory

    look = jax.jit(
        lambda state, x, y: gramax.latent_geometry_report(embed(state[0][0], x), y, classes)
    )

    def plain(state, x, y):
        for _ in range(STEPS):
            state = step(state, x, y)
        return state

    def logged(state, x, y):
        state = plain(state, x, y)
        return state, jax.device_get(look(state, x, y))

    start = ((weights, head), optimizer.init((weights, head)))
    times = in_turn({"plain": plain, "logged": logged}, start, x, y, rounds=rounds)
    table = Table("batch", "width", "layers", "100 steps, ms", "and the report, ms", "overhead")
    table.title = f"A training loop, the report every {STEPS} steps"
    ms = [f"{1e3 * statistics.median(times[name]):.1f}" for name in ("plain", "logged")]
    overhead = f"{100 * (ratio(times, 'logged', 'plain') - 1):.1f} %"
    table.add_row(f"{sizes.batch:,}", f"{width:,}", f"{sizes.layers}", *ms, overhead)
    return table


TABLES = {"report": over_product, "codes": coherence_speed, "training": logging_overhead}


def main() -> None:
    """Print the three tables, or some of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("tables", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--small", action="store_true", help="small sizes, as on a CPU")
    options = parser.parse_args()
    device = jax.devices()[0]
    small = options.small or device.platform == "cpu"
    console = Console(width=100)
    console.print(f"{device.device_kind} ({device.platform}), jax {jax.__version__}")
    for name in options.tables:
        console.print(TABLES[name](SMALL if small else LARGE, options.rounds))


if __name__ == "__main__":
    main()
