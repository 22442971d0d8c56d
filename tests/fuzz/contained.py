"""Reading in a process that a hostile file may crash, stop, or fill, as C libraries are read."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from gramax.data.formats import reads_in_process
from tests.fuzz.targets import TARGETS, judged, read_embeddings

MEMORY_BYTES, SECONDS = 4 << 30, 30

APART = {
    name
    for name, (extension, read) in TARGETS.items()
    if read is read_embeddings and not reads_in_process(f"x{extension}")
}
"""The targets whose files are read in a process of their own."""

_started: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []


def said_of(name: str, file: str) -> str | None:
    """As `judged`; of a file that ends the process, or takes too long, how it ended."""
    if name not in APART:
        return judged(name, file)
    if not _started:
        _started.append(_start())
    process, pipe = _started[0]
    pipe.send((name, file))
    try:
        if pipe.poll(SECONDS):
            said = pipe.recv()
            if isinstance(said, Exception):
                raise said
            return said
        ended = "no progress"
    except (EOFError, ConnectionError):
        process.join()
        ended = f"exit {process.exitcode}"
    process.kill()
    _started.clear()
    return f"the process that read it was ended: {ended}"


def _start() -> tuple[multiprocessing.process.BaseProcess, Connection]:
    root = str(Path(__file__).parents[2])
    if root not in sys.path:  # which the new process takes over
        sys.path.append(root)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()
    return process, here


def _serve(pipe: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    while True:
        name, file = pipe.recv()
        try:
            pipe.send(judged(name, file))
        except Exception as error:
            pipe.send(AssertionError(f"{type(error).__name__}: {error}"))
