"""One progress over several passes over the rows."""

from __future__ import annotations

from collections.abc import Sequence

from gramax.data import Source
from gramax.streaming import Progress


def in_turn(progress: Progress | None, passes: Sequence[Sequence[Source]]) -> list[Progress | None]:
    """What each pass tells its progress to, in order, so that `progress` hears of one long pass.

    Args:
        progress: told (rows done, rows in all, bytes done); None tells nobody.
        passes: the sources that each pass reads.

    Example:
        >>> import numpy as np
        >>> from gramax.data import ArraySource
        >>> rows = ArraySource(np.ones((10, 2), np.float32))
        >>> first, second = in_turn(print, [[rows], [rows, rows]])
        >>> second(15, 20, 120)
        25 30 200
    """
    if progress is None:
        return [None] * len(passes)
    rows = [sum(source.rows for source in one) for one in passes]
    sizes = [sum(s.rows * s.dim * s.dtype.itemsize for s in one) for one in passes]
    whole = sum(rows)

    def part(rows_before: int, bytes_before: int) -> Progress:
        return lambda done, _, size: progress(rows_before + done, whole, bytes_before + size)

    return [part(sum(rows[:k]), sum(sizes[:k])) for k in range(len(passes))]
