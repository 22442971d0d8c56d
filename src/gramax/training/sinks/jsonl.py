"""JSON Lines: the run log as a sink. `gramax watch` and `gramax timeline` read its audits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gramax._files import replacing
from gramax.audits.run_log import Entry, RunLog
from gramax.render.single_pictures import png_bytes
from gramax.training.sinks.base import BaseSink


class JsonLinesSink(BaseSink):
    """Appends to a run log; pictures go to the folder `PATH.images` beside it."""

    def __init__(
        self, path: str | os.PathLike[str], *, fresh: bool = False, fsync: bool = False
    ) -> None:
        """Open the run log `path`, for one writer at a time.

        Args:
            path: the file, made where it is missing; its folder exists.
            fresh: start anew where the file holds the log of an earlier run.
            fsync: wait for the disk after every line: survives the loss of power too.

        Raises:
            InputError: it cannot be written, is no run log, or another process is writing it.
        """
        self._path, self._fresh, self._fsync = Path(path), fresh, fsync
        super().__init__()

    def _open(self) -> None:
        self._log = RunLog(self._path, fresh=self._fresh, fsync=self._fsync)

    def append(self, entry: Entry) -> None:
        """Write a whole audit as one line.

        Raises:
            ValueError: the sink is closed, or the step is not a whole number from 0.
            InputError: the disk does not take the whole line; the log is left as it was.
        """
        if self._ready(entry.step):
            self._log.append(entry)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        self._log.write({"type": "scalars", "step": int(step), "values": values})

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        folder = self._path.with_name(self._path.name + ".images")
        folder.mkdir(exist_ok=True)
        safe = "".join(ch if ch.isalnum() or ch in "-_." else "_" for ch in name)
        path = folder / f"{int(step):08d}-{safe}.png"
        with replacing(path) as temporary:
            temporary.write_bytes(png_bytes(pixels))
        where = f"{folder.name}/{path.name}"
        self._log.write({"type": "image", "step": int(step), "name": name, "file": where})

    def _histogram(self, step: int, name: str, values: np.ndarray) -> None:
        counts, edges = np.histogram(values, bins="sturges")
        record = {"counts": counts.tolist(), "edges": edges.tolist()}
        self._log.write({"type": "histogram", "step": int(step), "name": name, **record})

    def _text(self, step: int, name: str, words: str) -> None:
        self._log.write({"type": "text", "step": int(step), "name": name, "text": words})

    def _close(self) -> None:
        self._log.close()
