"""Thrift's compact protocol, as far as parquet's footer and page headers use it.

pyarrow's own view of a footer ends the process on some damaged ones, with a C++ exception that
nobody catches; what is needed of it is read here.

Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 16
"""Structs and lists within each other."""

BOOLEANS, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
"""Types of fields."""


@dataclass
class Compact:
    """What stands in `data` from byte `at` on.

    Raises:
        IndexError: the data end too early.
        ValueError: they are not of this protocol.

    Example:
        >>> Compact(bytes([0x15, 0x08, 0x18, 0x01, 0x7A, 0x00])).struct()
        {1: 4, 2: b'z'}
    """

    data: bytes
    at: int = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by number."""
        fields, number = {}, 0
        if depth > MAX_DEPTH:
            raise ValueError("structs within structs without end")
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in INTEGERS:
            return self._integer()
        if kind == BINARY:
            return self._take(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in LISTS:
            return self._list(depth + 1)
        if kind in BOOLEANS:
            return kind == 1
        if kind in (BYTE, DOUBLE):
            return self._take(1 if kind == BYTE else 8)
        raise ValueError(f"a field of type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4 if head >> 4 != 15 else self._varint(), head & 15
        if depth > MAX_DEPTH:
            raise ValueError("lists within lists without end")
        # A boolean is a byte here; so each element takes one at least, and no size runs away.
        return [self._byte() if kind in BOOLEANS else self._value(kind, depth) for _ in range(size)]

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _take(self, length: int) -> bytes:
        self.at += length
        if self.at > len(self.data):
            raise IndexError("it ends too early")
        return self.data[self.at - length : self.at]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 128 and shift < 63:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _integer(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)
