"""The array libraries that every number is tested on, and what each must agree to."""

import importlib.util
from contextlib import ExitStack
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from gramax.arrays.namespace import to_numpy

NO_TORCH = importlib.util.find_spec("torch") is None


@dataclass(frozen=True)
class Library:
    """One way to run a formula.

    Attributes:
        name: "numpy", "jax" or "torch".
        dtype: of the rows.
        jit: whether the formula is traced by `jax.jit`, or run operation by operation.
    """

    name: str
    dtype: str
    jit: bool = False

    @property
    def tolerance(self):
        """How close numbers are to the float64 reference, relative to their size."""
        return 1e-10 if self.dtype == "float64" else 1e-5

    def array(self, x):
        x = np.asarray(x)
        x = x.astype(self.dtype) if x.dtype.kind == "f" else x
        if self.name == "numpy":
            return x
        if self.name == "jax":
            return jax.numpy.asarray(x)
        import torch

        return torch.from_numpy(x.copy())

    def rounded(self, x):
        """`x` as this library holds it, in float64: what the reference is computed from."""
        return np.asarray(x, self.dtype).astype(float)

    def run(self, function, *arrays):
        """`function` of the arrays in this library; what it gives as NumPy's arrays."""
        with ExitStack() as stack:
            stack.enter_context(np.errstate(all="ignore"))  # as `compiled` does
            if self.name == "jax":
                stack.enter_context(jax.enable_x64(self.dtype == "float64"))
                stack.enter_context(jax.disable_jit(not self.jit))
                function = jax.jit(function) if self.jit else function
            return plain(function(*map(self.array, arrays)))

    def __str__(self):
        how = {"jax": " jit" if self.jit else " eager"}.get(self.name, "")
        return f"{self.name}{how} {self.dtype}"


def plain(found):
    """Nested results with NumPy's arrays in place of the library's."""
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    if isinstance(found, tuple):
        return tuple(map(plain, found))
    return to_numpy(found)


without_torch = pytest.mark.skipif(NO_TORCH, reason="torch is not installed")
LIBRARIES = [
    Library("numpy", "float64"),
    Library("numpy", "float32"),
    Library("jax", "float64"),
    Library("jax", "float32", jit=True),
    pytest.param(Library("torch", "float64"), marks=without_torch),
    pytest.param(Library("torch", "float32"), marks=without_torch),
]
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=str)
