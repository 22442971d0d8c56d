"""gramax: numbers and pictures that tell whether a latent space is any good.

Names are loaded when first used, so that ``import gramax`` and ``gramax --help`` stay quick.
Packages of more: `gramax.metrics` (every metric as a function), `gramax.frames` (floors and ideal
codebooks), `gramax.chance` (what pure chance gives), `gramax.errorbars` (the jackknife).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gramax._version import __version__

if TYPE_CHECKING:
    from gramax import frames, metrics
    from gramax.arrays.rows import class_means, gram, l2_normalize
    from gramax.audits.audit import audit
    from gramax.audits.report import Report
    from gramax.data import Reading
    from gramax.decide.application import apply
    from gramax.decide.comparison import Comparison, compare
    from gramax.decide.fix import Fix, fix
    from gramax.decide.rank import Rank, rank
    from gramax.decide.shrink import Shrink, shrink
    from gramax.decide.sides import Sides, sides
    from gramax.decide.threshold import Threshold, threshold
    from gramax.decide.transform import Transform
    from gramax.errors import InputError
    from gramax.metrics import (
        coherence,
        collapse_ratio,
        covariance_eigs,
        descent,
        effective_rank,
        frame_potential,
        run_many,
        scatter_ratio,
        simplex_error,
        simplex_gram,
        simplex_step,
        smooth_coherence_loss,
        welch_floor,
        welch_gap,
        within_class_variance,
    )
    from gramax.metrics.options import Options
    from gramax.metrics.report import latent_geometry_report, report
    from gramax.moments import ClassMoments
    from gramax.streaming import Execution
    from gramax.uncertainty import chance, errorbars

_PACKAGES = {
    "chance": "uncertainty.chance",
    "errorbars": "uncertainty.errorbars",
    "frames": "frames",
    "metrics": "metrics",
}
_HOMES = {
    "arrays.rows": ("l2_normalize", "gram", "class_means"),
    "moments": ("ClassMoments",),
    "metrics.options": ("Options",),
    "metrics.collapse": ("collapse_ratio", "scatter_ratio", "within_class_variance"),
    "metrics.rank": ("covariance_eigs", "effective_rank"),
    "metrics.simplex": ("simplex_error", "simplex_gram", "simplex_step"),
    "metrics.crosstalk": ("coherence", "smooth_coherence_loss", "welch_floor", "welch_gap"),
    "metrics.reach": ("descent", "frame_potential", "run_many"),
    "metrics.report": ("latent_geometry_report", "report"),
    "audits.report": ("Report",),
    "decide.comparison": ("Comparison", "compare"),
    "audits.audit": ("audit",),
    "decide.rank": ("Rank", "rank"),
    "decide.shrink": ("Shrink", "shrink"),
    "decide.sides": ("Sides", "sides"),
    "decide.threshold": ("Threshold", "threshold"),
    "decide.application": ("apply",),
    "decide.fix": ("Fix", "fix"),
    "decide.transform": ("Transform",),
    "errors": ("InputError",),
    "streaming.execution": ("Execution",),
    "data.reading": ("Reading",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["ClassMoments", "Comparison", "Execution", "InputError", "Options"]
__all__ += ["Reading", "Report"]
__all__ += ["__version__", "audit", "chance", "compare", "errorbars", "frames", "metrics"]
__all__ += ["Sides", "sides"]
__all__ += ["Fix", "Transform", "apply", "fix"]
__all__ += ["class_means", "gram", "l2_normalize", "latent_geometry_report", "report"]
__all__ += ["collapse_ratio", "covariance_eigs", "effective_rank", "frame_potential"]
__all__ += ["scatter_ratio", "simplex_error", "simplex_gram", "within_class_variance"]
__all__ += ["coherence", "smooth_coherence_loss", "welch_floor", "welch_gap"]
__all__ += ["descent", "run_many", "simplex_step"]
__all__ += ["Threshold", "threshold"]
__all__ += ["Rank", "Shrink", "rank", "shrink"]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it."""
    if name in _PACKAGES:
        return import_module(f"gramax.{_PACKAGES[name]}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gramax' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f"gramax.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
