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
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any

import numpy as np

from gramax.data import under_way
from gramax.data.formats import READERS
from gramax.data.paths import addresses, files_of
from gramax.errors import InputError, MissingExtraError
from gramax.moments import ClassMoments
from gramax.streaming.collection import Collected, Request, collect_here
from gramax.streaming.execution import Progress
from gramax.streaming.results import LeftOut, Sample, Totals
from gramax.streaming.signals import deaf

STALL_SECONDS = 120.0
"""Seconds that a library may read without handing over a single piece of a file."""

GRACE_SECONDS = 10.0
"""Seconds that a child has to save its checkpoint once it is told to stop."""

MAX_HEADER = 1 << 28
"""Bytes of one message's JSON."""

CODE = "from gramax.streaming.child import main; main()"


# -- the parent ---------------------------------------------------------------------------------


def collect_in_child(request: Request, progress: Progress | None = None) -> Collected:
    """`collect_here`, in a process of its own.

    With `skip_bad` a file that a child died of is left out, and another child begins anew.

    Raises:
        InputError: what the child says is wrong, or that it died or hangs, with the file.
    """
    while True:
        try:
            return _collect_once(request, progress)
        except _LostError as lost:
            request = _without(request, lost)


class _LostError(InputError):
    """A child that died or hung, and the file that it was reading, if it was."""

    def __init__(self, file: str, reason: str):
        super().__init__(reason)
        self.file = file


def _without(request: Request, lost: _LostError) -> Request:
    """What to try next: the same without the file, which is tried once alone."""
    reason, execution = str(lost), request.execution
    if not execution.skip_bad or not lost.file:
        raise InputError(reason) from None
    if execution.checkpoint is not None:
        # What is saved belongs to all files: without one of them it would be another audit.
        raise InputError(f"{reason}; leave it out of the list of files yourself") from None
    known = {one.name for one in request.known_bad}
    if lost.file in known or lost.file not in files_of(addresses(request.source), READERS):
        raise InputError(reason) from None
    return replace(request, known_bad=(*request.known_bad, LeftOut(lost.file, None, reason)))


def _collect_once(request: Request, progress: Progress | None) -> Collected:
    paths = os.pathsep.join(path for path in sys.path if path)
    with deaf():  # Ctrl-C goes to the parent, which tells the child to stop
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
        return _Listening(child, request, progress).result()
    finally:
        _end(child)


def _send_request(stream: IO[bytes], request: Request) -> None:
    left = memoryview(pickle.dumps(request))
    try:
        while left:  # the stream stays open: its end tells the child that the parent is gone
            left = left[stream.write(left) :]
    except BrokenPipeError:
        pass  # it died at once, which is seen as it says nothing


@dataclass
class _Listening:
    """What the parent hears of its child.

    Args:
        child: the process.
        request: what it was asked for.
        progress: told how far it is.
        reading: the file that the child is reading; empty while it does something else.
    """

    child: subprocess.Popen[bytes]
    request: Request
    progress: Progress | None
    reading: str = ""

    def result(self) -> Collected:
        """Listen up to the result."""
        for header, stream in self._messages():
            if "reading" in header:
                self.reading = str(header["reading"])
            elif "progress" in header and self.progress:
                phase, done, total, size = header["progress"]
                self.progress(str(phase), int(done), int(total), int(size))
            elif "missing" in header:
                raise MissingExtraError(*map(_text_or_none, header["missing"]))  # type: ignore[arg-type]
            elif "error" in header:
                raise InputError(str(header["error"]))
            elif "memory" in header:
                raise _out_of_memory(str(header["memory"]))
            elif "result" in header:
                return _collected(header["result"], stream)
        raise self._dead()

    def _messages(self) -> Iterator[tuple[dict[str, Any], IO[bytes]]]:
        stream = self.child.stdout
        assert stream is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(stream, selectors.EVENT_READ)
            while True:
                self._wait(waiting)
                length = _exactly(stream, 4)
                if len(length) < 4:
                    return
                size = int.from_bytes(length, "little")
                if size > MAX_HEADER:
                    raise InputError(f"{self._name}: the process that reads it sent nonsense")
                text = _exactly(stream, size)
                if len(text) < size:
                    return
                yield json.loads(text), stream

    def _wait(self, waiting: selectors.BaseSelector) -> None:
        """Wait for a message: without end while no library is at work, or while it reads bytes."""
        before = -1
        while not waiting.select(STALL_SECONDS / 2):
            now = _bytes_read(self.child.pid)
            if self.reading and now <= before:
                self.child.kill()  # it would not hear anything milder
                raise _LostError(
                    self.reading,
                    f"{self.reading}: nothing was read for {STALL_SECONDS:.0f} seconds: the file "
                    "is damaged, or the library that reads it hangs",
                )
            before = now if self.reading else -1

    @property
    def _name(self) -> str:
        return self.reading or _named(self.request)

    def _dead(self) -> InputError:
        code, name = self.child.wait(), self._name
        if code == -signal.SIGKILL:
            why = "the process that reads it was killed: it may need more memory than there is"
        elif code < 0:
            how = signal.Signals(-code).name
            why = f"the library that reads it crashed ({how}): the file is damaged"
        else:
            why = f"the process that reads it ended early (exit code {code})"
        return _LostError(self.reading, f"{name}: {why}")


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _out_of_memory(note: str) -> MemoryError:
    error = MemoryError()
    error.add_note(note)
    return error


def _bytes_read(pid: int) -> int:
    """Bytes that a process has read from files; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return int(file.readline().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


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


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it, whatever it is doing, after it has saved what it must."""
    if child.poll() is None:
        child.terminate()
    for stream in (child.stdin, child.stdout):  # it must not wait for somebody to listen
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


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
    view = array.data.cast("B") if array.size else memoryview(b"")
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
    say = _Saying(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _stop)
    request = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_memory()
    under_way.listen(lambda file: say({"reading": file}))
    try:
        message, arrays = _answer(request, say)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends by itself now
        say(message, arrays)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGTERM)
    os._exit(0)  # a library's threads are not waited for


def _answer(request: Request, say: _Saying) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What there is to say at the end: what was collected, or why it was not."""
    try:
        return _result(collect_here(request, lambda *told: say({"progress": told})))
    except MissingExtraError as error:
        return {"missing": list(error.asked)}, []
    except InputError as error:
        return {"error": str(error)}, []
    except OSError as error:
        file = error.filename or _named(request)
        return {"error": f"{file}: {error.strerror or error}"}, []
    except MemoryError as error:
        notes = getattr(error, "__notes__", ())
        return {"memory": notes[0] if notes else f"while reading {_named(request)}"}, []


def _stop(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not disturb the saving
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


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


@dataclass
class _Saying:
    """Messages to the parent, from any thread."""

    out: IO[bytes]
    alone: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, message: dict[str, Any], arrays: Iterable[np.ndarray] = ()) -> None:
        text = json.dumps(message).encode()
        # Without a parent there is nobody to tell: the end of standard input ends this process.
        with self.alone, suppress(BrokenPipeError):
            self.out.write(len(text).to_bytes(4, "little") + text)
            for array in arrays:
                self.out.write(np.ascontiguousarray(array).data)
            self.out.flush()


def _result(found: Collected) -> tuple[dict[str, Any], list[np.ndarray]]:
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
    return {"result": about}, list(arrays.values())
