"""Long class names made short for a page, and still told apart.

Class names are often paths, or begin alike: what tells them apart stands at their end. What all of
them share is left out first, then the middle of each; the page says once what is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gramax.data.text import named

LEFT_OUT = "…"
"""Three bytes."""


@dataclass(frozen=True)
class Names:
    """Classes by their names, as a page shows them.

    Attributes:
        shown: for every name, one of bounded length, distinct where the names are.
        prefix: what all names begin with, where "…" stands for it; else empty.
    """

    shown: dict[str, str]
    prefix: str = ""


def short_names(names: Iterable[str], most: int) -> Names:
    """Names in at most `most` bytes (16 or more), whole where all of them fit.

    Example:
        >>> found = short_names(["train/animals/cat", "train/animals/dog"], 16)
        >>> print(*found.shown.values(), found.prefix)
        …cat …dog train/animals/
    """
    whole = {name: named(name) for name in dict.fromkeys(names)}
    if all(_size(text) <= most for text in whole.values()):
        return Names(whole)
    prefix = _shared(list(whole.values()), most)
    mark = LEFT_OUT if prefix else ""
    rest = {name: mark + text[len(prefix) :] for name, text in whole.items()}
    return Names(_distinct(rest, most), prefix)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _shared(texts: Sequence[str], most: int) -> str:
    """What all texts begin with, up to the end of a word where the rest is then short enough.

    Never up to the midst of a number.
    """
    prefix = _common(texts).rstrip("0123456789")
    if len(texts) < 2 or _size(prefix) <= _size(LEFT_OUT):
        return ""
    words = re.match(r".*\W", prefix, re.DOTALL)
    if words and all(_size(LEFT_OUT + text[words.end() :]) <= most for text in texts):
        prefix = words[0]
    return prefix if _size(prefix) > _size(LEFT_OUT) else ""


def _common(texts: Sequence[str]) -> str:
    """The letters that all texts begin with: those that the first and the last of them share."""
    first, last = min(texts, default=""), max(texts, default="")
    places = zip(first, last, strict=False)
    return first[: next((k for k, (a, b) in enumerate(places) if a != b), len(first))]


def _distinct(texts: dict[str, str], most: int) -> dict[str, str]:
    """Each text without its middle; those that are then alike without what they share; or ~k."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        alike[_without_middle(text, most)].append(name)
    shown: dict[str, str] = {}
    used = {short for short, group in alike.items() if len(group) == 1}
    for short, group in alike.items():
        if len(group) == 1:
            shown[group[0]] = short
            continue
        start = len(_common([texts[name] for name in group]))
        for name in group:
            head = _begin(texts[name], most // 3) + LEFT_OUT
            trial = head + _begin(texts[name][start:], most - _size(head))
            shown[name] = _unused(trial, used, most)
            used.add(shown[name])
    return {name: shown[name] for name in texts}


def _unused(short: str, used: set[str], most: int) -> str:
    trial, k = short, 1
    while trial in used:
        k += 1
        trial = f"{_begin(short, most - len(f'~{k}'))}~{k}"
    return trial


def _without_middle(text: str, most: int) -> str:
    if _size(text) <= most:
        return text
    room = most - _size(LEFT_OUT)
    end = text.encode("utf-8", "replace")[-(room // 2) :].decode("utf-8", "ignore")
    return _begin(text, room - room // 2) + LEFT_OUT + end


def _begin(text: str, most: int) -> str:
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
