"""Coherence floors, ideal codebooks with a formula, and packings by descent.

`bounds` (how low the coherence cannot be) come before `constructions` (what attains a bound), and
both before `search` (descent). JAX is imported only when a search runs.
"""

from gramax.frames.constructions.catalogue import Construction, NoConstructionError, construct
from gramax.frames.constructions.elementary import tight_frame
from gramax.frames.floor import Bound, Floor, all_bounds, coherence_floor
from gramax.frames.known import Known, known_coherence
from gramax.frames.search.best import Progress
from gramax.frames.search.packing import Packing, etf_head, pack

__all__ = ["Construction", "NoConstructionError", "construct"]
__all__ += ["tight_frame"]
__all__ += ["Bound", "Floor", "all_bounds", "coherence_floor"]
__all__ += ["Known", "known_coherence"]
__all__ += ["Progress"]
__all__ += ["Packing", "etf_head", "pack"]
