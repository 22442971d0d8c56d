"""What is said of a number that hangs on eigenvalues below the rounding floor."""

from __future__ import annotations

from jaxtyping import Array

from gramax.metrics.evidence import Evidence

DOUBT = 0.01
"""The largest share of a number that may hang on eigenvalues below the rounding floor."""


def hidden_words(e: Evidence, hidden: Array, more: str) -> str:
    """Why it is undefined: how many eigenvalues it hangs on, and what to do (`more`)."""
    values = f"{int(hidden):,} eigenvalue{'s' * (int(hidden) > 1)}"
    return (
        f"it hangs on {values} below the rounding of sums in {e.moments.precision}: "
        f"{more}{wider(e)}"
    )


def wider(e: Evidence) -> str:
    """The advice that always helps, where it can still be followed."""
    return "" if e.moments.precision == "float64" else ", or use float64"
