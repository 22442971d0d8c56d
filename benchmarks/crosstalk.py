"""The worst pairs of large codebooks, against the best blocked NumPy loop: half the pairs each.

    python -m benchmarks.crosstalk
    python -m benchmarks.crosstalk --against 100000x256 --alone 400000x50 --real --rounds 3

Against NumPy, both take turns and the rounds' ratios are taken one by one: in wall time, and in CPU
time, which holds on a busy machine. `--real` times real embeddings.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread for each core takes its own tiles

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import embeddings
from gramax.arrays.pairs import largest

THREADS = len(os.sched_getaffinity(0))
TILES = (256, 512, 1024)


def numpy_coherence(x: np.ndarray, tile: int, fold: Callable[[np.ndarray], float]) -> float:
    """The largest |cosine| of unit rows, tile by tile, a thread a core."""
    starts = [(i, j) for i in range(0, len(x), tile) for j in range(i, len(x), tile)]

    def of_thread(k: int) -> float:
        room, best = np.empty((tile, tile), x.dtype), 0.0
        for i, j in starts[k::THREADS]:
            a, b = x[i : i + tile], x[j : j + tile]
            out = np.matmul(a, b.T, out=room[: len(a), : len(b)])
            if i == j:
                np.fill_diagonal(out, 0)
            best = max(best, fold(out))
        return best

    with ThreadPoolExecutor(THREADS) as threads:
        return float(max(threads.map(of_thread, range(THREADS))))


FOLDS: dict[str, Callable[[np.ndarray], float]] = {
    "abs in place, max": lambda out: np.abs(out, out=out).max(),
    "max and min": lambda out: max(out.max(), -out.min()),
}


def seconds(f: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall and CPU seconds of one call, and what it gives."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = jax.block_until_ready(f())
    return time.perf_counter() - wall, time.process_time() - cpu, found


def best_loop(x: np.ndarray) -> Callable[[np.ndarray], float]:
    """The quickest of NumPy's tile sizes and folds on part of the rows."""
    part, times = x[:8192], {}
    for tile in TILES:
        for name, fold in FOLDS.items():
            loop = partial(numpy_coherence, tile=tile, fold=fold)
            times[tile, name] = min(seconds(partial(loop, part))[1] for _ in range(3))
    tile, name = min(times, key=times.__getitem__)
    print(f"  NumPy: tiles of {tile}, {name}, {THREADS} threads")
    return partial(numpy_coherence, tile=tile, fold=FOLDS[name])


def compiled(k: int) -> Callable:
    return jax.jit(partial(largest, k=k))


def codes(size: str) -> jax.Array:
    c, d = map(int, size.split("x"))
    x = np.random.default_rng(0).normal(size=(c, d)).astype(np.float32)
    return jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def against(size: str, k: int, rounds: int) -> None:
    x = codes(size)
    host, ours = np.asarray(x), compiled(k).lower(x).compile()
    print(f"{size}, random, the {k} worst pairs")
    loop, ratios = best_loop(host), []
    for _ in range(rounds):
        theirs = seconds(lambda: loop(host))
        own = seconds(lambda: ours(x))
        ratios.append((theirs[0] / own[0], theirs[1] / own[1]))
        print(f"  NumPy {theirs[0]:.1f} s (CPU {theirs[1]:.1f}), ", end="")
        print(f"gramax {own[0]:.1f} s (CPU {own[1]:.1f})")
        print(f"  largest |cosine|: {theirs[2]:.7f}, {abs(float(own[2][1][0])):.7f}")
    wall, cpu = (statistics.median(r) for r in zip(*ratios, strict=True))
    print(f"  ratio: wall {wall:.2f}, CPU {cpu:.2f}")


def alone(name: str, x: jax.Array, k: int) -> None:
    ours = compiled(k).lower(x).compile()
    wall, cpu, _ = seconds(lambda: ours(x))
    print(f"{name}, the {k} worst pairs: {wall:.1f} s (CPU {cpu:.1f})")


def real(k: int) -> None:
    for name, make in embeddings.ALL.items():
        x = jnp.asarray(make())
        alone(f"{name}, {x.shape[0]}x{x.shape[1]}", x, k)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", nargs="*", default=["100000x256"], metavar="CxD")
    parser.add_argument("--alone", nargs="*", default=["400000x50"], metavar="CxD")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-k", type=int, default=10)
    asked = parser.parse_args()
    for size in asked.against:
        against(size, asked.k, asked.rounds)
    for size in asked.alone:
        alone(f"{size}, random", codes(size), asked.k)
    if asked.real:
        real(asked.k)


if __name__ == "__main__":
    main()
