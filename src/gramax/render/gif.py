"""Frames to an animated GIF: designed palette, only the pixels that change, written atomically.

Pillow compresses each frame; the container is assembled here, frame by frame, so that a film of any
length needs the memory of two frames. The bytes depend on the frames alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from gramax.files import replacing
from gramax.render import style
from gramax.render.palette import TRANSPARENT, Palette, designed


def durations(frames: int, each: int = 80, first: int = 1400, last: int = 3000) -> list[int]:
    """Milliseconds of every frame: the first and the last stay longer, to be read."""
    times = [each] * frames
    times[0], times[-1] = first, last
    return times


def write_gif(path: str | Path, frames: Iterable[np.ndarray], times: Sequence[int]) -> Path:
    """Write `frames` as a GIF that loops for ever.

    Args:
        path: the file to write; its folder exists. It is replaced only once the film is complete.
        frames: `[height, width, 3]` or `[height, width, 4]` uint8 arrays of one shape.
        times: milliseconds of each frame, as many as there are frames.

    Raises:
        InputError: the file cannot be written.
        MissingExtraError: Pillow is not installed.
        ValueError: no frames, frames of another shape or type, or another number of times.
    """
    style.require()
    with replacing(path) as temporary, temporary.open("wb") as file:
        for block in _blocks(frames, times, designed()):
            file.write(block)
    return Path(path)


def _blocks(
    frames: Iterable[np.ndarray], times: Sequence[int], palette: Palette
) -> Iterator[bytes]:
    """The file, piece by piece."""
    before: np.ndarray | None = None
    count = 0
    for count, frame in enumerate(frames, 1):
        if count > len(times):
            raise ValueError(f"more frames than the {len(times)} times given for them")
        now = _packed(frame)
        if before is None:
            yield _header(now.shape, palette)
        elif now.shape != before.shape:
            raise ValueError(f"frame {count} has shape {now.shape}; the first has {before.shape}")
        yield _image(now, before, times[count - 1], palette)
        before = now
    if count == 0 or count != len(times):
        raise ValueError(f"{count} frames for {len(times)} times")
    yield b";"


def _packed(frame: np.ndarray) -> np.ndarray:
    """Every pixel as one number, red + 256·green + 65536·blue."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4):
        raise ValueError(
            f"a frame is uint8 [height, width, 3 or 4]; got {frame.dtype} {frame.shape}"
        )
    if frame.shape[2] == 3:
        frame = np.pad(frame, ((0, 0), (0, 0), (0, 1)))
    return np.ascontiguousarray(frame).view("<u4")[..., 0] & 0xFFFFFF


def _header(shape: tuple[int, ...], palette: Palette) -> bytes:
    height, width = shape
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    return b"GIF89a" + size + b"\xf7\x00\x00" + palette.bytes() + loop


def _image(now: np.ndarray, before: np.ndarray | None, time: int, palette: Palette) -> bytes:
    """One frame: the box around what changed, unchanged pixels in it transparent."""
    from PIL import GifImagePlugin, Image

    if before is None:
        top, left, pixels = 0, 0, palette.index(now)
    else:
        changed = now != before
        top, bottom = _span(changed.any(axis=1))
        left, right = _span(changed[top:bottom].any(axis=0))
        box = np.s_[top:bottom, left:right]
        pixels = np.full((bottom - top, right - left), TRANSPARENT, np.uint8)
        where = changed[box]
        pixels[where] = palette.index(now[box][where])
    image = Image.fromarray(pixels)
    options = {} if before is None else {"transparency": TRANSPARENT}
    return b"".join(
        GifImagePlugin.getdata(image, (left, top), duration=time, disposal=1, **options)
    )


def _span(flags: np.ndarray) -> tuple[int, int]:
    """First and one past the last True; (0, 1) where there is none, for an unchanged frame."""
    where = np.flatnonzero(flags)
    return (int(where[0]), int(where[-1]) + 1) if where.size else (0, 1)
