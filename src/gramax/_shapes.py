"""The annotations of arrays' axes: jaxtyping's, loaded where somebody reads them.

They are read by type checkers and by checks at run time (`make types`), which import jaxtyping
first. A command need not wait for it: what stands in its place takes any axes and checks nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Complex, Float, Inexact, Int, Shaped, UInt8
else:

    class Shaped:
        """An array of any kind, with the names of its axes."""

        def __class_getitem__(cls, _: Any) -> Any:
            return Any

    Bool = Complex = Float = Inexact = Int = UInt8 = Shaped

__all__ = ["Bool", "Complex", "Float", "Inexact", "Int", "Shaped", "UInt8"]
