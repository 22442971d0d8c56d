"""Coherence floors, ideal codebooks with a formula, and packings by descent.

Names load on first use, so that the floors and the constructions never import JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gramax.frames.choice import Construction, NoConstructionError, construct
    from gramax.frames.floor import Bound, Floor, all_bounds, coherence_floor
    from gramax.frames.heads import etf_head
    from gramax.frames.packing import Packing, pack
    from gramax.frames.tight import tight_frame

_HOMES = {
    "Bound": "floor",
    "Construction": "choice",
    "Floor": "floor",
    "NoConstructionError": "choice",
    "Packing": "packing",
    "all_bounds": "floor",
    "coherence_floor": "floor",
    "construct": "choice",
    "etf_head": "heads",
    "pack": "packing",
    "tight_frame": "tight",
}

__all__ = [
    "Bound",
    "Construction",
    "Floor",
    "NoConstructionError",
    "Packing",
    "all_bounds",
    "coherence_floor",
    "construct",
    "etf_head",
    "pack",
    "tight_frame",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
