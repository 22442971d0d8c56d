"""Files that a library in C reads are read in a child process, which may die of them.

The child opens, reads *and* sums, and sends back moments and sampled rows: no gigabyte crosses
between the processes, but where the rows themselves are asked for (`streamed`). It has a limit of
memory, and of time without progress. What it sends is JSON and plain arrays, never a pickle: a file
that takes the child over has not taken the parent.
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
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from gramax.data import under_way
from gramax.data.formats import READERS
from gramax.data.paths import addresses, files_of
from gramax.errors import InputError, MissingExtraError
from gramax.moments import ClassMoments
from gramax.streaming.accumulation import physical_memory
from gramax.streaming.collection import (
    Collected,
    Opened,
    Request,
    RowStream,
    collect_here,
    matrices_here,
    streamed_here,
)
from gramax.streaming.engines import deaf
from gramax.streaming.execution import Progress
from gramax.streaming.results import LeftOut, Totals

STALL_SECONDS = 120.0
"""Seconds that a library may read without handing over a single piece of a file."""

GRACE_SECONDS = 10.0
"""Seconds that a child has to save its checkpoint once it is told to stop."""

MAX_HEADER = 1 << 28
"""Bytes of one message's JSON."""

ENVIRONMENT = {"MIMALLOC_PURGE_DELAY": "-1"}
"""pyarrow keeps the memory of one batch for the next: fresh memory took a third of reading."""

CODE = "from gramax.streaming.child import main; main()"


# -- the parent ---------------------------------------------------------------------------------


def collect_in_child(request: Request, progress: Progress | None = None) -> Collected:
    """`collect_here`, in a process of its own; that it died or hangs is an `InputError` too.

    With `skip_bad` a file that a child died of is left out, and another child begins anew.
    """
    while True:
        child = _Child(request, progress)
        try:
            return child.collected()
        except _LostError as lost:
            request = _without(request, lost)
        finally:
            child.end()


def matrices_from_child(file: str) -> tuple[str, ...]:
    """The names of the matrices in a file, as a process of its own finds them."""
    child = _Child(file, None)
    try:
        return tuple(map(str, child.result()))
    finally:
        child.end()


@contextmanager
def streamed_from_child(wanted: RowStream) -> Iterator[tuple[Opened, Iterator[np.ndarray]]]:
    """`streamed_here`, read by a process of its own."""
    child = _Child(wanted, None)
    try:
        name, rows, dim, dtype = next(child.heard())["opened"]
        opened = Opened(str(name), int(rows), int(dim), np.dtype(str(dtype)))
        yield opened, child.rows()
    finally:
        child.end()


class _LostError(InputError):
    """A child that died or hung, and the file that it was reading, if it was."""

    def __init__(self, file: str, reason: str):
        super().__init__(reason)
        self.file = file


def _without(request: Request, lost: _LostError) -> Request:
    """What to try next: the same without the file that a child was lost to."""
    reason, how = str(lost), request.execution
    if not how.skip_bad or not lost.file:
        raise InputError(reason) from None
    if how.checkpoint is not None:
        # What is saved belongs to all files: without one of them it would be another audit.
        raise InputError(f"{reason}; leave it out of the list of files yourself") from None
    known = {one.name for one in request.known_bad}
    if lost.file in known or lost.file not in files_of(addresses(request.source), READERS):
        raise InputError(reason) from None
    return replace(request, known_bad=(*request.known_bad, LeftOut(lost.file, None, reason)))


class _Child:
    """A child process, as its parent sees it."""

    def __init__(self, request: Request | RowStream | str, progress: Progress | None):
        """Start it, and tell it what is asked for."""
        try:
            asked = pickle.dumps(request)
        except (TypeError, AttributeError, pickle.PicklingError):
            kind = type(getattr(request, "labels", None)).__name__
            why = f"labels must be an array or a list, one a row; got a {kind}"
            raise InputError(why) from None
        self.progress = progress
        self.reading, self.name = "", _named(request)
        """The file that it is reading, empty while it does something else; and the whole source."""
        paths = os.pathsep.join(path for path in sys.path if path)
        with deaf():  # Ctrl-C goes to the parent, which tells the child to stop
            self.process = subprocess.Popen(
                [sys.executable, "-c", CODE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,  # a buffer would hide from the selector what waits in it
                env={**ENVIRONMENT, **os.environ, "PYTHONPATH": paths},
            )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        left = memoryview(asked)
        # It may die at once, which is seen as it says nothing.
        with suppress(BrokenPipeError):
            while left:  # the stream stays open: its end tells the child that the parent is gone
                left = left[self.stdin.write(left) :]

    def result(self) -> Any:
        """Listen up to the result."""
        return next(self.heard())["result"]

    def rows(self) -> Iterator[np.ndarray]:
        """Chunks of rows as they are read, up to the last."""
        for message in self.heard():
            if "end" in message:
                return
            yield self._array()

    def heard(self) -> Iterator[dict[str, Any]]:
        """What it says beyond how far it is; errors are raised here, and that it died."""
        while message := self._message():
            if "reading" in message:
                self.reading = str(message["reading"])
            elif "progress" in message:
                phase, done, total, size = message["progress"]
                if self.progress:
                    self.progress(str(phase), int(done), int(total), int(size))
            elif "missing" in message:
                raise MissingExtraError(*message["missing"])
            elif "error" in message:
                raise InputError(str(message["error"]))
            elif "memory" in message:
                error = MemoryError()
                error.add_note(str(message["memory"]))
                raise error
            else:
                yield message
        code, name = self.process.wait(), self.reading or self.name
        if code == -signal.SIGKILL:
            why = "the process that reads it was killed: it may need more memory than there is"
        elif code < 0:
            how = signal.Signals(-code).name
            why = f"the library that reads it crashed ({how}): the file is damaged"
        else:
            why = f"the process that reads it ended early (exit code {code})"
        raise _LostError(self.reading, f"{name}: {why}")

    def _message(self) -> dict[str, Any] | None:
        """The next message; None at the end of all."""
        self._wait()
        length = _exactly(self.stdout, 4)
        size = int.from_bytes(length, "little")
        if size > MAX_HEADER:
            raise InputError(
                f"{self.reading or self.name}: the process that reads it sent nonsense"
            )
        text = _exactly(self.stdout, size)
        return json.loads(text) if len(length) == 4 and len(text) == size else None

    def _wait(self) -> None:
        """Wait for a message: without end while no library is at work, or while it reads bytes."""
        before = -1
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.stdout, selectors.EVENT_READ)
            while not waiting.select(STALL_SECONDS / 2):
                now = _bytes_read(self.process.pid)
                if self.reading and now <= before:
                    self.process.kill()  # it would not hear anything milder
                    raise _LostError(
                        self.reading,
                        f"{self.reading}: nothing was read for {STALL_SECONDS:.0f} seconds: the "
                        "file is damaged, or the library that reads it hangs",
                    )
                before = now if self.reading else -1

    def _array(self) -> np.ndarray:
        stream: Any = SimpleNamespace(read=partial(_exactly, self.stdout))
        try:
            return np.lib.format.read_array(stream, allow_pickle=False)
        except ValueError:
            why = "the process that reads it ended in the middle of its answer"
            raise InputError(f"{self.name}: {why}") from None

    def collected(self) -> Collected:
        """The result, and the arrays behind it."""
        about = self.result()
        arrays = {str(name): self._array() for name in about.pop("arrays")}
        normalize, ambient = bool(about.pop("normalize")), about.pop("ambient")
        empty = ClassMoments.empty(1, 1, normalize=normalize, ambient=ambient)
        about["totals"] = Totals.unpacked(about["totals"], arrays, empty)
        about["unopened"] = tuple(LeftOut(**one) for one in about["unopened"])
        about |= {name: tuple(map(str, about[name])) for name in ("notes", "names")}
        return Collected(**about)

    def end(self) -> None:
        """End it, whatever it is doing, after it has saved what it must."""
        if self.process.poll() is None:
            self.process.terminate()
        for stream in (self.stdin, self.stdout):  # it must not wait for somebody to listen
            with suppress(BrokenPipeError):
                stream.close()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


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


def _named(request: Request | RowStream | str) -> str:
    source = request if isinstance(request, str) else request.source
    return str(source if isinstance(source, str | os.PathLike) else source[0])


# -- the child ----------------------------------------------------------------------------------


@dataclass
class _Saying:
    """Messages to the parent, from any thread: JSON, and the arrays that follow a result."""

    out: IO[bytes]
    alone: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, message: dict[str, Any], arrays: Iterable[np.ndarray] = ()) -> None:
        text = json.dumps(message).encode()
        stream: Any = SimpleNamespace(write=self.out.write)
        # Without a parent there is nobody to tell: the end of standard input ends this process.
        with self.alone, suppress(BrokenPipeError):
            self.out.write(len(text).to_bytes(4, "little") + text)
            for array in arrays:
                np.lib.format.write_array(stream, array, allow_pickle=False)
            self.out.flush()


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


def _answer(
    request: Request | RowStream | str, say: _Saying
) -> tuple[dict[str, Any], Iterable[np.ndarray]]:
    """What there is to say at the end: what was collected, or why it was not."""
    try:
        if isinstance(request, str):
            return {"result": matrices_here(request)}, ()
        if isinstance(request, RowStream):
            with streamed_here(request) as (opened, chunks):
                say({"opened": [opened.name, opened.rows, opened.dim, opened.dtype.str]})
                for chunk in chunks:
                    say({"rows": len(chunk)}, [np.ascontiguousarray(chunk)])
            return {"end": True}, ()
        found = collect_here(request, lambda *told: say({"progress": told}))
    except MissingExtraError as error:
        return {"missing": error.asked}, ()
    except InputError as error:
        return {"error": str(error)}, ()
    except OSError as error:
        file = error.filename or _named(request)
        return {"error": f"{file}: {error.strerror or error}"}, ()
    except MemoryError as error:
        notes = getattr(error, "__notes__", ())
        return {"memory": notes[0] if notes else f"while reading {_named(request)}"}, ()
    totals, arrays = found.totals.packed()
    block = found.totals.blocks[0]
    about = vars(found) | {
        "totals": totals,
        "unopened": [asdict(one) for one in found.unopened],
        "normalize": block.normalize,
        "ambient": block.ambient,
        "arrays": list(arrays),
    }
    return {"result": about}, arrays.values()


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
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    whole = physical_memory()
    limit = int(whole) if most == resource.RLIM_INFINITY else min(int(whole), most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
