"""What a sink is, and what all sinks share: checks, undefined values, the first process alone."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gramax._optional import need


@runtime_checkable
class Sink(Protocol):
    """A place for numbers and pictures of a run; `step` is a whole number from 0.

    Anything with these six methods is a sink.
    """

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name; those that are not finite are said as text instead."""

    def image(self, step: int, name: str, picture: ArrayLike | bytes) -> None:
        """Write a picture: `[height, width, 3 or 4]` uint8, or the bytes of a PNG."""

    def histogram(self, step: int, name: str, values: ArrayLike) -> None:
        """Write how these values are distributed."""

    def text(self, step: int, name: str, words: str) -> None:
        """Write words."""

    def flush(self) -> None:
        """Let a reader see everything that was written so far."""

    def close(self) -> None:
        """Flush and end; closing twice does nothing."""


def first_process() -> bool:
    """Whether this process is the first of its job, by torch.distributed where it runs, or JAX.

    A process that works alone is the first.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    jax = sys.modules.get("jax")
    return jax is None or jax.process_index() == 0


class BaseSink(ABC):
    """Checks what is given and hands it to the methods that a sink writes with.

    A sink defines `_open`, `_scalars` (finite numbers by name), `_image` (uint8 pixels
    `[height, width, 3]`), `_histogram` (finite values) and `_text`, and where need be `_flush`,
    `_close` and `_fail` (instead of `_close` after an error in the `with` block). They are called
    in the first process alone. A sink is a context manager: `with` closes it.

    Every method that writes raises ValueError where the sink is closed, or the step is not a whole
    number from 0.

    Example:
        >>> class Printed(BaseSink):
        ...     def _open(self): ...
        ...     def _scalars(self, step, values):
        ...         print(step, values)
        ...     def _image(self, step, name, pixels): ...
        ...     def _histogram(self, step, name, values): ...
        ...     def _text(self, step, name, words):
        ...         print(step, words)
        >>> with Printed() as sink:
        ...     sink.scalars(3, {"rank": 8.5, "ratio": float("nan")})
        3 {'rank': 8.5}
        3 ratio is nan: not written
    """

    def __init__(self) -> None:
        """Open the sink, in the first process."""
        self._active = first_process()
        self._closed = False
        if self._active:
            self._open()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name; those that are not finite are said as text instead."""
        if not self._ready(step):
            return
        numbers = {name: float(value) for name, value in values.items()}
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        if finite:
            self._scalars(step, finite)
        for name in numbers.keys() - finite.keys():
            self._text(step, f"{name}/undefined", f"{name} is {numbers[name]}: not written")

    def image(self, step: int, name: str, picture: ArrayLike | bytes) -> None:
        """Write a picture: `[height, width, 3 or 4]` uint8, or the bytes of a PNG.

        Raises:
            ValueError: it is neither.
        """
        if self._ready(step):
            self._image(step, name, pixels_of(picture))

    def histogram(self, step: int, name: str, values: ArrayLike) -> None:
        """Write how the finite ones of these values, of any shape, are distributed."""
        flat = np.asarray(values, np.float64).ravel()
        flat = flat[np.isfinite(flat)]
        if self._ready(step) and flat.size:
            self._histogram(step, name, flat)

    def text(self, step: int, name: str, words: str) -> None:
        """Write words."""
        if self._ready(step):
            self._text(step, name, words)

    def flush(self) -> None:
        """Let a reader see everything that was written so far."""
        if self._active and not self._closed:
            self._flush()

    def close(self) -> None:
        """Flush and end; closing twice does nothing."""
        self._end(self._close)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._end(self._close if kind is None else self._fail)

    def _end(self, how: Callable[[], None]) -> None:
        if self._active and not self._closed:
            self._flush()
            how()
        self._closed = True

    def _ready(self, step: int) -> bool:
        if self._closed:
            raise ValueError(f"{type(self).__name__} is closed")
        if int(step) != step or step < 0:
            raise ValueError(f"a step is a whole number from 0; got {step!r}")
        return self._active

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _scalars(self, step: int, values: dict[str, float]) -> None: ...

    @abstractmethod
    def _image(self, step: int, name: str, pixels: np.ndarray) -> None: ...

    @abstractmethod
    def _histogram(self, step: int, name: str, values: np.ndarray) -> None: ...

    @abstractmethod
    def _text(self, step: int, name: str, words: str) -> None: ...

    def _flush(self) -> None:  # noqa: B027 - a sink may leave it
        pass

    def _close(self) -> None:  # noqa: B027 - a sink may leave it
        pass

    def _fail(self) -> None:
        self._close()


def pixels_of(picture: ArrayLike | bytes) -> np.ndarray:
    """A picture as `[height, width, 3]` uint8, transparency laid on white.

    Raises:
        ValueError: it is neither such an array nor the bytes of a PNG.
    """
    if isinstance(picture, bytes):
        Image = need("PIL.Image", "reading a PNG", "pillow", "plot")
        try:
            with Image.open(BytesIO(picture), formats=["PNG"]) as image:
                picture = np.asarray(image.convert("RGBA"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"these {len(picture):,} bytes are no PNG: {error}") from None
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError(
            "a picture is a uint8 array of shape [height, width, 3 or 4] or the bytes of a PNG; "
            f"got {pixels.dtype} of shape {pixels.shape}"
        )
    if pixels.shape[2] == 4:
        share = pixels[..., 3:].astype(np.uint16)
        pixels = (pixels[..., :3] * share + 255 * (255 - share) + 127) // 255
    return np.ascontiguousarray(pixels, np.uint8)


def histogram_of(values: np.ndarray) -> dict[str, list[float]]:
    """How many values lie between any two edges, ready for JSON."""
    counts, edges = np.histogram(values, bins="sturges")
    return {"counts": counts.tolist(), "edges": edges.tolist()}
