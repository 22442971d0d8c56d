"""Files that a library in C reads are read in a child process, which may die of them.

The child opens, reads *and* sums, and sends back moments and sampled rows: no gigabyte crosses
between the processes. It has a limit of memory, and of time without progress. What it sends is
JSON and plain arrays, never a pickle: a file that takes the child over has not taken the parent.
(The request goes to the child as a pickle: it comes from here.)
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from typing import IO, Any

import numpy as np

from gramax.errors import InputError, MissingExtraError
from gramax.moments import ClassMoments
from gramax.streaming.collection import Collected, Request, collect_here
from gramax.streaming.execution import Progress
from gramax.streaming.results import LeftOut, Sample, Totals

STALL_SECONDS = 120.0
"""Seconds without any progress after which the child is ended."""

GRACE_SECONDS = 10.0
"""Seconds that a child has to save its checkpoint once it is told to stop."""

MAX_HEADER = 1 << 28
"""Bytes of one message's JSON."""

CODE = "from gramax.streaming.child import main; main()"


# -- the parent ---------------------------------------------------------------------------------


def collect_in_child(request: Request, progress: Progress | None = None) -> Collected:
    """`collect_here`, in a process of its own.

    Raises:
        InputError: what the child says is wrong, or that it died or hangs, with the file.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(
        [sys.executable, "-c", CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # a buffer would hide from the selector what waits in it
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert child.stdin is not None
    try:
        _send_request(child.stdin, request)
        return _listen(child, request, progress)
    finally:
        _end(child)


def _send_request(stream: IO[bytes], request: Request) -> None:
    left = memoryview(pickle.dumps(request))
    try:
        while left:  # the stream stays open: its end tells the child that the parent is gone
            left = left[stream.write(left) :]
    except BrokenPipeError:
        pass  # it died at once, which is seen as it says nothing


def _listen(
    child: subprocess.Popen[bytes], request: Request, progress: Progress | None
) -> Collected:
    """Its messages, up to the result."""
    for header, stream in _messages(child, request):
        if "progress" in header and progress:
            phase, done, total, size = header["progress"]
            progress(str(phase), int(done), int(total), int(size))
        elif "missing" in header:
            raise MissingExtraError(*map(_text_or_none, header["missing"]))  # type: ignore[arg-type]
        elif "error" in header:
            raise InputError(str(header["error"]))
        elif "memory" in header:
            raise MemoryError(str(header["memory"]))
        elif "result" in header:
            return _collected(header["result"], stream)
    raise InputError(_why_dead(child, request))


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _messages(
    child: subprocess.Popen[bytes], request: Request
) -> Iterator[tuple[dict[str, Any], IO[bytes]]]:
    stream = child.stdout
    assert stream is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        while True:
            if not waiting.select(STALL_SECONDS):
                raise InputError(
                    f"{_named(request)}: nothing was read for {STALL_SECONDS:.0f} seconds: the "
                    "file is damaged, or its library hangs"
                )
            length = _exactly(stream, 4)
            if len(length) < 4:
                return
            size = int.from_bytes(length, "little")
            if size > MAX_HEADER:
                raise InputError(f"{_named(request)}: the process that reads it sent nonsense")
            text = _exactly(stream, size)
            if len(text) < size:
                return
            yield json.loads(text), stream


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """So many bytes; fewer where the stream ends."""
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _named(request: Request) -> str:
    source = request.source
    return str(source if isinstance(source, str | os.PathLike) else source[0])


def _why_dead(child: subprocess.Popen[bytes], request: Request) -> str:
    code = child.wait()
    name = _named(request)
    if code == -signal.SIGKILL:
        return (
            f"{name}: the process that reads it was killed: it may need more memory than there is"
        )
    if code < 0:
        how = signal.Signals(-code).name
        return f"{name}: the library that reads it crashed ({how}): the file is damaged"
    return f"{name}: the process that reads it ended early (exit code {code}); see above"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it, whatever it is doing, after it has saved what it must."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()


def _collected(about: dict[str, Any], stream: IO[bytes]) -> Collected:
    arrays = {
        str(one["name"]): _array(one["dtype"], one["shape"], stream) for one in about["arrays"]
    }
    blocks = []
    for k, fields in enumerate(about["blocks"]):
        empty = ClassMoments.empty(1, 1, normalize=bool(fields["normalize"]))
        own = {name: arrays[f"{name}.{k}"] for name in fields["leaves"]}
        blocks.append(replace(empty, ambient=fields["ambient"], **own))
    left_out, unopened = (
        tuple(LeftOut(one["name"], one["rows"], one["reason"]) for one in about[name])
        for name in ("left_out", "unopened")
    )
    totals = Totals(
        tuple(blocks),
        (Sample(arrays["rows"], arrays["labels"], arrays["numbers"]),),
        left_out,
        int(about["done"]),
        int(about["total_rows"]),
    )
    return Collected(
        str(about["name"]),
        int(about["rows"]),
        int(about["dim"]),
        tuple(map(str, about["notes"])),
        tuple(map(str, about["names"])),
        bool(about["labelled"]),
        str(about["label_digest"]),
        totals,
        unopened,
    )


KINDS = ("float64", "float32", "int32", "int64")
"""What arrays may hold that come from the child."""


def _array(kind: str, shape: list[int], stream: IO[bytes]) -> np.ndarray:
    if kind not in KINDS or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise InputError(f"the process that reads the file sent nonsense: {kind} {shape}")
    array = np.empty(shape, kind)
    view = memoryview(array).cast("B") if array.size else memoryview(b"")
    done = 0
    while done < len(view):
        got = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise InputError("the process that reads the file ended in the middle of its answer")
        done += got
    return array


# -- the child ----------------------------------------------------------------------------------


def main() -> None:
    """What the child runs: a request from standard input, messages to standard output."""
    # What a library prints goes to standard error: the pipe is for messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), _stop)
    request = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_memory()
    try:
        found = collect_here(request, lambda *told: _say(out, {"progress": told}))
        _say_result(out, found)
    except KeyboardInterrupt:
        os._exit(130)
    except MissingExtraError as error:
        _say_last(out, {"missing": list(error.asked)})
    except (InputError, OSError) as error:
        _say_last(out, {"error": str(error)})
    except MemoryError as error:
        notes = " ".join(getattr(error, "__notes__", ()))
        _say_last(out, {"memory": notes or f"reading {_named(request)}"})
    os._exit(0)  # a library's threads are not waited for


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _limit_memory() -> None:
    """No more memory than the machine has: a library that asks for it all gets an error."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = whole if most == resource.RLIM_INFINITY else min(whole, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _arrays_of(sample: Sample) -> dict[str, np.ndarray]:
    return {
        "rows": sample.rows,
        "labels": sample.labels.astype(np.int32),
        "numbers": sample.numbers.astype(np.int64),
    }


def _say(out: IO[bytes], message: dict[str, Any]) -> None:
    text = json.dumps(message).encode()
    out.write(len(text).to_bytes(4, "little") + text)
    out.flush()


def _say_last(out: IO[bytes], message: dict[str, Any]) -> None:
    """Say it in peace: the parent, which hears it, ends this process before it ends by itself."""
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    _say(out, message)


def _say_result(out: IO[bytes], found: Collected) -> None:
    totals, arrays, blocks = found.totals, {}, []
    for k, block in enumerate(totals.blocks):
        own = {name: leaf for name, leaf in vars(block).items() if isinstance(leaf, np.ndarray)}
        blocks.append({"leaves": list(own), "normalize": block.normalize, "ambient": block.ambient})
        arrays |= {f"{name}.{k}": leaf for name, leaf in own.items()}
    arrays |= _arrays_of(totals.sample)
    listed = [
        {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
        for name, array in arrays.items()
    ]
    about = {
        "name": found.name,
        "rows": found.rows,
        "dim": found.dim,
        "notes": found.notes,
        "names": found.names,
        "labelled": found.labelled,
        "label_digest": found.label_digest,
        "left_out": [asdict(one) for one in totals.left_out],
        "unopened": [asdict(one) for one in found.unopened],
        "done": totals.done,
        "total_rows": totals.rows,
        "blocks": blocks,
        "arrays": listed,
    }
    _say_last(out, {"result": about})
    for array in arrays.values():
        out.write(np.ascontiguousarray(array).data)
    out.flush()
