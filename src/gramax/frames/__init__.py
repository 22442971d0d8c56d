"""Coherence floors, ideal codebooks with a formula, and packings by descent.

`bounds` (how low the coherence cannot be) come before `constructions` (what attains a bound), and
both before `search` (descent, in JAX). Names load on first use, so that floors, constructions and
look-ups import neither JAX nor SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gramax.frames.constructions.catalogue import Construction, NoConstructionError, construct
    from gramax.frames.constructions.elementary import tight_frame
    from gramax.frames.floor import Bound, Floor, all_bounds, coherence_floor
    from gramax.frames.known import Known, known_coherence
    from gramax.frames.search.fixed_heads import etf_head
    from gramax.frames.search.packing import Packing, pack
    from gramax.frames.search.progress import Progress

_HOMES = {
    "Bound": "floor",
    "Construction": "constructions.catalogue",
    "Floor": "floor",
    "Known": "known",
    "NoConstructionError": "constructions.catalogue",
    "Packing": "search.packing",
    "Progress": "search.progress",
    "all_bounds": "floor",
    "coherence_floor": "floor",
    "construct": "constructions.catalogue",
    "etf_head": "search.fixed_heads",
    "known_coherence": "known",
    "pack": "search.packing",
    "tight_frame": "constructions.elementary",
}

__all__ = [
    "Bound",
    "Construction",
    "Floor",
    "Known",
    "NoConstructionError",
    "Packing",
    "Progress",
    "all_bounds",
    "coherence_floor",
    "construct",
    "etf_head",
    "known_coherence",
    "pack",
    "tight_frame",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
