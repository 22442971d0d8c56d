r"""One report of rows that many processes read, each its own share: a cluster, or this machine.

    python examples/sharded_processes.py z.npy y.npy 10 --processes 4          # all on this machine
    python examples/sharded_processes.py z.npy y.npy 10 --processes 64 \
        --process 17 --coordinator host0:8476                               # one of 64 machines

The files are mapped, not loaded: every process reads the rows that are its own, chunk by chunk,
and sums of c·d + d² numbers go between the processes.
The processes need not have as many rows each: what is short is filled with rows of weight 0.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gramax import ClassMoments, report


def start_all(processes: int) -> int:
    """Run this script once a process on this machine; the worst exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, *sys.argv, "--coordinator", address, "--process"]
    running = [subprocess.Popen([*command, str(i)]) for i in range(processes)]
    return max(abs(p.wait()) for p in running)


def chunks(z: np.ndarray, y: np.ndarray, size: int):
    """This process's rows, `size` at a time, as many times as every other process."""
    share = -(-len(z) // jax.process_count())
    first = min(jax.process_index() * share, len(z))
    last = min(first + share, len(z))
    for start in range(first, first + share, size):
        rows = slice(start, max(start, min(start + size, last)))
        short = size - len(z[rows])
        weight = np.pad(np.ones(size - short, np.float32), (0, short))
        yield np.pad(z[rows], ((0, short), (0, 0))), np.pad(y[rows], (0, short)), weight


def main() -> int:
    """Start the processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", help="[n, d] embeddings, .npy")
    parser.add_argument("labels", help="[n] integer labels 0..c-1, .npy")
    parser.add_argument("classes", type=int, help="c, one more than the largest label")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--process", type=int, help="which one this is; default: start all here")
    parser.add_argument("--coordinator", help="HOST:PORT of process 0")
    parser.add_argument("--chunk", type=int, default=8192, help="rows a process reads at a time")
    parser.add_argument("--out", default="numbers.json", help="where process 0 writes the report")
    options = parser.parse_args()
    if options.process is None:
        return start_all(options.processes)

    jax.distributed.initialize(options.coordinator, options.processes, options.process)
    z, y = (np.load(path, mmap_mode="r") for path in (options.rows, options.labels))
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    by_rows = NamedSharding(mesh, PartitionSpec("data"))
    empty = ClassMoments.empty(options.classes, z.shape[1])
    moments = jax.device_put(empty, NamedSharding(mesh, PartitionSpec()))
    size = -(-options.chunk // jax.local_device_count()) * jax.local_device_count()
    for local in chunks(z, y, size):
        rows = [jax.make_array_from_process_local_data(by_rows, a) for a in local]
        moments = moments.update(*rows)
    # Every process holds the same moments: from here on no process needs the others.
    moments = jax.tree.map(np.asarray, moments)
    if jax.process_index() == 0:
        numbers = {name: float(value) for name, value in report(moments).items()}
        Path(options.out).write_text(
            json.dumps({"rows": float(moments.total), **numbers}, indent=1)
        )
        print(f"{float(moments.total):,.0f} rows; the report is in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
