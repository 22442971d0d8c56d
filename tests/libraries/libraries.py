"""The array libraries that every number is tested on, and what each must agree to."""

import importlib.util
from contextlib import nullcontext
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from gramax.arrays.namespace import to_numpy

NO_TORCH = importlib.util.find_spec("torch") is None


@dataclass(frozen=True)
class Library:
    """One way to run a formula: by "numpy", "jax" or "torch", on rows of a dtype.

    JAX's float32 is traced by `jax.jit`; in float64 a function is called as it is.
    """

    name: str
    dtype: str

    @property
    def tolerance(self):
        """How close numbers are to the float64 reference, relative to their size."""
        return 1e-10 if self.dtype == "float64" else 1e-5

    def array(self, x):
        x = np.asarray(x)
        x = x.astype(self.dtype) if x.dtype.kind == "f" else x
        if self.name == "torch":
            import torch

            return torch.from_numpy(x.copy())
        return jax.numpy.asarray(x) if self.name == "jax" else x

    def rounded(self, x):
        """`x` as this library holds it, in float64: what the reference is computed from."""
        return np.asarray(x, self.dtype).astype(float)

    def run(self, function, *arrays):
        """`function` of the arrays in this library; what it gives as NumPy's arrays."""
        wide = jax.enable_x64(self.dtype == "float64") if self.name == "jax" else nullcontext()
        if self.name == "jax" and self.dtype == "float32":
            function = jax.jit(function)
        with np.errstate(all="ignore"), wide:  # as `compiled` does
            return plain(function(*map(self.array, arrays)))

    def close(self, found, right, name=""):
        """Assert that a number is right, relative to its size (1 at least)."""
        atol = self.tolerance * np.maximum(1, np.max(np.abs(right), initial=0)) * 0.1
        np.testing.assert_allclose(found, right, rtol=self.tolerance, atol=atol, err_msg=name)

    def __str__(self):
        return f"{self.name} {self.dtype}"


def plain(found):
    """Nested results with NumPy's arrays in place of the library's."""
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    return tuple(map(plain, found)) if isinstance(found, tuple) else to_numpy(found)


LIBRARIES = [Library(name, t) for name in ("numpy", "jax") for t in ("float64", "float32")] + [
    pytest.param(Library("torch", dtype), marks=pytest.mark.skipif(NO_TORCH, reason="no torch"))
    for dtype in ("float64", "float32")
]
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=str)
