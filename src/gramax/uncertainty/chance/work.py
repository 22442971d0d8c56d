"""How much work each metric costs, from its trace: what a budget of draws is divided by.

A metric's cost depends on the sizes and on what it shares with others (one spectrum serves many).
Both show in the trace of all metrics together, without running any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

DECOMPOSITIONS = {"eigh": 3.0, "svd": 15.0, "qr": 2.0, "cholesky": 0.5, "triangular_solve": 1.0}
"""Multiply-adds of a decomposition, in units of rows·columns²; fitted to timings on one core."""


def _inner(params: Mapping[str, Any]) -> Iterator[Any]:
    for value in params.values():
        for item in value if isinstance(value, list | tuple) else (value,):
            if hasattr(item, "eqns") or hasattr(item, "jaxpr"):
                yield getattr(item, "jaxpr", item)


def _work(equation: Any) -> float:
    """Multiply-adds of one equation; loops count as often as they run, where that is known."""
    name, params = equation.primitive.name, equation.params
    out = sum(math.prod(v.aval.shape) for v in equation.outvars if hasattr(v.aval, "shape"))
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        return float(out) * math.prod(equation.invars[0].aval.shape[i] for i in contracted)
    if name in DECOMPOSITIONS:
        shape = equation.invars[0].aval.shape
        return DECOMPOSITIONS[name] * math.prod(shape[:-1]) * shape[-1] ** 2
    inner = sum(_work(e) for jaxpr in _inner(params) for e in jaxpr.eqns)
    return out + inner * (params["length"] if name == "scan" else 1)


class Costs:
    """Work of any set of named outputs of one trace; what they share counts once."""

    def __init__(self, jaxpr: Any, names: list[str]) -> None:
        """Read the trace of a function whose outputs are `names`, in this order."""
        self._work = np.array([_work(e) for e in jaxpr.eqns] or [0.0])
        maker = {id(v): i for i, e in enumerate(jaxpr.eqns) for v in e.outvars}
        self._needs = {
            name: self._reach(jaxpr.eqns, maker, out)
            for name, out in zip(names, jaxpr.outvars, strict=True)
        }

    @staticmethod
    def _reach(equations: Any, maker: dict[int, int], out: Any) -> frozenset[int]:
        found: set[int] = set()
        open_ends = [out]
        while open_ends:
            at = maker.get(id(open_ends.pop()))
            if at is not None and at not in found:
                found.add(at)
                open_ends.extend(equations[at].invars)
        return frozenset(found)

    def of(self, names: list[str]) -> float:
        """Multiply-adds of the named outputs together."""
        needed = frozenset().union(*(self._needs[n] for n in names))
        return float(self._work[list(needed)].sum())

    def affordable(
        self, names: list[str], budget: float, overhead: Callable[[list[str]], float]
    ) -> list[str]:
        """The names, cheapest first, as far as the budget goes.

        Args:
            names: outputs to choose from.
            budget: multiply-adds.
            overhead: work that a choice brings with it, besides that of the metrics.
        """
        chosen: list[str] = []
        for name in sorted(names, key=lambda n: self.of([n]) + overhead([n])):
            more = [*chosen, name]
            if self.of(more) + overhead(more) <= budget:
                chosen = more
        return chosen
