"""Run on 8 devices made of one CPU, in a process of its own: prints what `test_sharding` judges.

    python -m tests.sharded FOLDER

Writes z.npy, y.npy (rows that do not divide by 2, 4 or 8) and prints one JSON object.
"""

import functools
import json
import re
import sys
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import gramax
from gramax import ClassMoments, latent_geometry_report
from gramax.arrays import mesh
from gramax.moments.update import _add

N, D, C, DEVICES = 9_999, 16, 8, 8
ALONE, ROWS = PartitionSpec(), PartitionSpec("data")
COLLECTIVE = re.compile(
    r" = (.*?) (all-gather|all-reduce|all-to-all|collective-permute|collective-broadcast"
    r"|reduce-scatter|ragged-all-to-all)(?:-start)?\("
)
MAPPED = re.compile(r"\b(psum|pmin|all_gather|all_to_all|ppermute|pshuffle|psum_scatter)\w*\b")


def collectives(compiled):
    """Names of the collective operations of a compiled program, and the numbers they carry."""
    found = COLLECTIVE.findall(compiled.as_text())
    sizes = [
        np.prod([int(k) for k in shape.split(",") if k], dtype=int)
        for result, _ in found
        for shape in re.findall(r"\w\[([\d,]*)\]", result)
    ]
    return {"names": sorted({name for _, name in found}), "numbers": int(sum(sizes))}


def clouds(offset=0.0, spread=1.0):
    rng = np.random.default_rng(0)
    y = rng.integers(0, C, N).astype(np.int32)
    y[:20] = -1
    z = 2 * rng.normal(size=(C, D))[y] + spread * rng.normal(size=(N, D)) + offset
    return z.astype(np.float32), y


def padded(z, y):
    """Rows of weight 0 behind the others, so that they divide by the devices."""
    short = -len(z) % DEVICES
    weight = np.pad(np.ones(len(z), np.float32), (0, short))
    return np.pad(z, ((0, short), (0, 0))), np.pad(y, (0, short)), weight


def on(mesh, arrays):
    return [jax.device_put(a, NamedSharding(mesh, ROWS)) for a in arrays]


def update(moments, z, y, weight=None, axis_name=None):
    return moments.update(z, y, weight, axis_name=axis_name)


def over_axis(mesh, f, replicated):
    """`f(..., axis_name)` inside `shard_map`, the first `replicated` arguments uncut."""

    def mapped(*args):
        specs = tuple(ALONE if i < replicated else ROWS for i in range(len(args)))
        inner = functools.partial(f, axis_name="data")
        return jax.shard_map(inner, mesh=mesh, in_specs=specs, out_specs=ALONE)(*args)

    return mapped


def report(z, y, axis_name=None):
    return latent_geometry_report(z, y, C, axis_name=axis_name)


def wide(moments, z, y, weight):
    """As on accelerators: one block a device, and its products summed in parts."""
    with mock.patch.multiple(mesh, BLOCK_ROWS=N, TERMS=100):
        return mesh.over_devices(_add, moments, (z, y, weight), None)


def moments_by(f, batches):
    moments = ClassMoments.empty(C, D)
    for batch in batches:
        moments = f(moments, *batch)
    return [np.asarray(leaf, np.float64).ravel().tolist() for leaf in jax.tree.leaves(moments)]


def moments_every_way(auto, explicit):
    """Programs, and moments of two batches: rows as they come, far from 0, and collapsed."""
    inputs = {"plain": clouds(), "far": clouds(offset=1e4), "collapsed": clouds(spread=1e-5)}
    batches = {
        name: list(zip(*(np.split(a, 2) for a in padded(*rows)), strict=True))
        for name, rows in inputs.items()
    }
    ways = {
        "automatic": (update, functools.partial(on, auto)),
        "explicit": (update, functools.partial(on, explicit)),
        "shard_map": (over_axis(auto, update, 1), functools.partial(on, auto)),
        "wide blocks": (wide, functools.partial(on, auto)),
    }
    programs = {}
    numbers = {name: {"one device": moments_by(update, parts)} for name, parts in batches.items()}
    for way, (f, put) in ways.items():
        start = ClassMoments.empty(C, D)
        compiled = jax.jit(f).lower(start, *put(batches["plain"][0])).compile()
        programs[way] = collectives(compiled)
        f = jax.jit(f) if way == "explicit" else compiled
        for name, parts in batches.items():
            numbers[name][way] = moments_by(f, [put(b) for b in parts])
    return programs, numbers


def main():
    jax.config.update("jax_num_cpu_devices", DEVICES)
    auto = jax.make_mesh((DEVICES,), ("data",), axis_types=(AxisType.Auto,))
    explicit = jax.make_mesh((DEVICES,), ("data",))
    folder = Path(sys.argv[1])
    z, y = clouds()
    np.save(folder / "z.npy", z)
    np.save(folder / "y.npy", y)
    programs, numbers = moments_every_way(auto, explicit)
    cut = on(auto, [a[: N - N % DEVICES] for a in (z, y)])
    halves = [a.reshape(2, -1, *a.shape[1:]) for a in padded(z, y)]
    named = jax.vmap(
        lambda *a: update(ClassMoments.empty(C, D), *a, axis_name="data"),
        axis_name="data",
        out_axes=None,
    )
    numbers["plain"]["vmap"] = moments_by(lambda _, *rows: named(*rows), [halves])
    programs["report"] = collectives(jax.jit(report).lower(*cut).compile())
    programs["control"] = collectives(jax.jit(lambda z: jnp.sort(z[:, 0])).lower(cut[0]).compile())
    mapped = str(jax.make_jaxpr(over_axis(auto, report, 0))(*cut))
    answer = {
        "programs": programs,
        "numbers": numbers,
        "mapped report": sorted(set(MAPPED.findall(mapped))),
        "report": {k: float(v) for k, v in gramax.report(ClassMoments.of(z, y, C)).items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
