"""Text from files made safe to show: control characters spelled out, long names cut."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NoReturn

LONGEST_NAME = 80
"""Characters of a class name that are shown."""


def visible(text: str) -> str:
    r"""`text` with every unprintable character (controls, bidi marks, ...) spelled as its escape.

    Example:
        >>> print(visible("red" + chr(27) + "[31m"))
        red\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in text)


def named(name: str) -> str:
    """A class name as a reader sees it: words for one that is empty or all spaces.

    Example:
        >>> print(named("cat"), named(""), named("   "))
        cat (empty) (3 spaces)
    """
    if name.strip():
        return name
    return f"({len(name)} space{'s' if len(name) > 1 else ''})" if name else "(empty)"


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    """`text` in at most `longest` characters, the last of them an ellipsis where some are left out.

    Example:
        >>> print(cut("chrysanthemum", 6))
        chrys…
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def distinct_names(raw: Iterable[str]) -> tuple[str, ...]:
    """Safe names for distinct texts, distinct again: `~2`, `~3` mark those that became alike.

    Names that are safe already stay as they are, so they are handed out before any other.

    Example:
        >>> print(distinct_names(["cat", "x" * 90, "x" * 91])[2][-4:])
        x…~2
    """
    raw = list(raw)
    # A cut before the escapes keeps the work small on a name of many kilobytes.
    safe = [cut(visible(text[: LONGEST_NAME + 1])) for text in raw]
    used = {text for text, name in zip(raw, safe, strict=True) if text == name}
    tried: Counter[str] = Counter()
    names = []
    for text, name in zip(raw, safe, strict=True):
        trial = name
        while trial in used and text != name:
            tried[name] += 1
            mark = f"~{tried[name] + 1}"
            trial = cut(name, LONGEST_NAME - len(mark)) + mark
        names.append(trial)
        used.add(trial)
    return tuple(names)


def no_constant(text: str) -> NoReturn:
    """Refuse NaN and infinities, which Python's JSON has beyond the standard (`parse_constant`)."""
    raise ValueError(f"{text} is no number")


def percent(share: float) -> str:
    """A share in percent, in three significant digits."""
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{float(f'{100 * share:.3g}'):,g} %"


def number(value: float, digits: int = 3) -> str:
    """A number in so many significant digits, or whole; a question mark where it is not known.

    Example:
        >>> print(number(0.12345), number(8805.5), number(1e-9), number(math.nan))
        0.123 8,806 1e-09 ?
    """
    if not math.isfinite(value):
        return "?"
    whole = 10**digits <= abs(value) < 10 ** (digits + 4)
    return f"{value:,.0f}" if whole else f"{value:.{digits}g}"


def sizes(n: int, d: int, c: int, codes: bool = False) -> str:
    """The numbers of rows, dimensions and classes of a space, or of the codes of a codebook."""
    if codes:
        return f"{c:,} codes × {d:,} dimensions"
    return f"{n:,} rows × {d:,} dimensions · {f'{c:,} classes' if c else 'no labels'}"


def listed(rows: Sequence[int], count: int) -> str:
    """Rows by their numbers, the first of `count`.

    Example:
        >>> print(listed([3], 1), "|", listed([3, 17], 2), "|", listed([3, 17], 40))
        row 3 | rows 3 and 17 | rows 3, 17 and 38 more
    """
    *first, last = [f"{row:,}" for row in rows]
    if count > len(rows):
        first, last = [*first, last], f"{count - len(rows):,} more"
    one = "rows" if first else "row"
    return f"{one} {' and '.join(filter(None, [', '.join(first), last]))}"
