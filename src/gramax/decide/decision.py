"""What every decision gives: a sentence that decides, tables, a picture, and JSON.

A decision is a subclass of `Decision` with fields of its own. The terminal, the page and notebooks
draw any of them from `tables` and `chart`, so that a new one needs no drawing code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from gramax._optional import drawing
from gramax._shapes import Float, Shaped
from gramax.audits.portrait import Heat
from gramax.audits.report import finite

Style = (
    Literal["number", "percent", "count", "words", "signed"]
    | Literal["metric", "error", "z", "share", "verdict"]
)
"""How a cell is written; a metric by its name, which pages explain, a verdict with its mark."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; `low` and `high` are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and how its cells are written.

    Cells are numbers, texts, `Estimate`s or None (a dash).
    """

    heading: str
    style: Style = "number"


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns.

    Attributes:
        title: what the rows are.
        columns: their headings and how cells are written.
        rows: the cells.
        note: what to keep in mind when reading it.
        chosen: the row that is recommended, which is marked.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    chosen: int | None = None

    @classmethod
    def of(
        cls,
        title: str,
        items: Iterable[Any],
        columns: Iterable[tuple[str, Any, Callable[[Any], Any]]],
        note: str = "",
        chosen: int | None = None,
    ) -> Table:
        """A row an item, from the headings, the styles and the cells of the columns."""
        columns = list(columns)
        rows = tuple(tuple(cell(item) for *_, cell in columns) for item in items)
        heads = tuple(Column(heading, style) for heading, style, _ in columns)
        return cls(title, heads, rows, note, chosen)


@dataclass(frozen=True)
class Line:
    """A line of a chart, named; with `low` and `high` also a band around it.

    It is `dashed` where it stands for chance or a floor.
    """

    name: str
    x: Float[np.ndarray, " k"]
    y: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"] | None = None
    high: Float[np.ndarray, " k"] | None = None
    dashed: bool = False

    @classmethod
    def of(cls, name: str, x: Sequence[float], estimates: Iterable[Estimate]) -> Line:
        """The line of these estimates, with their intervals as its band."""
        ends = np.array([(one.value, one.low, one.high) for one in estimates], float)
        return cls(name, np.array(x, float), *ends.T)


@dataclass(frozen=True)
class Chart:
    """Lines over one axis.

    Attributes:
        title: what is shown; text: what it says, in a sentence.
        x_name: of the horizontal axis; y_name: of the vertical one.
        lines: at most six.
        x_log: whether the horizontal axis is logarithmic; y_log: the vertical one.
        marks: places on the horizontal axis, with a word each.
        names: what stands below the horizontal axis instead of numbers 0, 1, 2, ...
        bars: edges `[b+1]` and heights `[b]` of a histogram behind the lines.
    """

    title: str
    text: str
    x_name: str
    y_name: str
    lines: tuple[Line, ...]
    x_log: bool = False
    y_log: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    names: tuple[str, ...] = ()
    bars: tuple[Float[np.ndarray, " b+1"], Shaped[np.ndarray, " b"]] | None = None


def plain(value: Any) -> Any:
    """The value as JSON-ready data: data classes as their fields, null for what is undefined.

    Example:
        >>> plain({"gain": Estimate(0.5), "cosines": (0.9, np.nan)})
        {'gain': {'value': 0.5, 'low': None, 'high': None}, 'cosines': [0.9, None]}
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    return finite(float(value)) if isinstance(value, float) else value


@dataclass(frozen=True)
class HeatMaps:
    """Cosines of all pairs of classes, in one order, with a button for each view."""

    text: str  # what is shown, in a sentence
    names: tuple[str, ...]  # of the classes
    # the label of each, the cosines, and the largest that there can be
    views: tuple[tuple[str, Heat, float], ...]


@dataclass(frozen=True, repr=False)
class Decision(ABC):
    """What is decided about a space; printed, it is the headline and the tables.

    Attributes:
        source: what was looked at.
        facts: its sizes, in words.
        headline: the one sentence that decides, "leave it as it is" among them.
        notes: what to keep in mind.
    """

    source: str
    facts: str
    headline: str
    notes: tuple[str, ...]

    name: ClassVar[str]
    """The command that gives it."""

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """What it rests on, the most important table first."""

    def chart(self) -> Chart | None:
        """The picture on the page, or None."""
        return None

    def heat_maps(self) -> HeatMaps | None:
        """Cosines of all pairs of classes for the page, or None."""
        return None

    @abstractmethod
    def numbers(self) -> Mapping[str, Any]:
        """The numbers by name; `to_dict` makes them ready for JSON, estimates too."""

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-ready data: null for what is undefined."""
        about = {name: getattr(self, name) for name in ("source", "facts", "headline", "notes")}
        return plain({"schema": 1, "decision": self.name, **about, **self.numbers()})

    def __repr__(self) -> str:
        """The decision as the terminal shows it, without colour."""
        return drawing("terminal").plain_text(self)

    def _repr_html_(self) -> str:
        """The decision as a notebook shows it."""
        return drawing("notebook").decision_html(self)
