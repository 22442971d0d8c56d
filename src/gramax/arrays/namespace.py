"""One source of formulas on any array library: NumPy, JAX, PyTorch, or whatever keeps the standard.

Formulas ask `namespace(z)` for the library of the arrays that they are given, and call it by the
names of the Python array API standard. What the standard lacks is here, once. Nothing here imports
JAX or PyTorch: they are there already when their arrays arrive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np
from array_api_compat import is_array_api_obj as is_array
from array_api_compat import is_dask_array, is_jax_array, is_numpy_array, is_torch_array

from gramax.arrays import pytree

Array = Any
"""An array of any library; jaxtyping's annotations say its axes."""

R = TypeVar("R")


def namespace(*arrays: Any) -> Any:
    """The library of the arrays, by the names of the array API standard; NumPy for plain numbers.

    NumPy and JAX keep the standard themselves; `array_api_compat` makes others do so.

    Example:
        >>> namespace(np.ones(2)).sum(np.ones(2))
        np.float64(2.0)
    """
    known = [a for a in arrays if type(a) is not np.ndarray and not is_numpy_array(a)]
    known = [a for a in known if is_array(a)]
    if not known:
        return np
    if is_jax_array(known[0]):
        return sys.modules["jax"].numpy
    from array_api_compat import array_namespace

    return array_namespace(*known)


def as_array(value: Any) -> Array:
    """`value` as it is where a library of arrays made it; anything else (a list) as NumPy's.

    Arrays of dask are computed: each look at a value of theirs would run the whole graph again.
    """
    return value if is_array(value) and not is_dask_array(value) else np.asarray(value)


def is_foreign(value: Any) -> bool:
    """Whether a library of arrays other than NumPy made it."""
    return is_array(value) and not is_numpy_array(value)


def like(value: Any, array: Array, dtype: Any = None) -> Array:
    """`value` in the library of `array`, on its device."""
    xp = namespace(array)
    if is_array(value) and namespace(value) is not xp:
        value = to_numpy(value)
    if is_torch_array(value):  # torch's `asarray` may cut it from its graph
        return value.to(array.device, dtype)
    place = {"device": array.device} if is_torch_array(array) else {}
    return xp.asarray(value, dtype=dtype, **place)


def to_numpy(array: Any) -> np.ndarray:
    """The array on the host."""
    if is_torch_array(array):
        array = array.detach().cpu()
        # NumPy has no bfloat16: float32 holds each of its numbers exactly.
        return (array.float() if "bfloat16" in str(array.dtype) else array).numpy()
    return np.asarray(array)


def is_traced(array: Any) -> bool:
    """Whether JAX traces: the array has a shape, but no values yet."""
    return is_jax_array(array) and isinstance(array, sys.modules["jax"].core.Tracer)


def _is_jax(leaf: Any) -> bool:
    """`is_jax_array`, quick for the many that are of NumPy."""
    return type(leaf) is not np.ndarray and is_jax_array(leaf)


def is_visible(array: Any) -> bool:
    """Whether values can be looked at now: not while JAX traces, nor if other processes hold some.

    Values on a GPU in PyTorch are not looked at either: the host would wait for the device.
    """
    if is_torch_array(array):
        return array.device.type == "cpu"
    return not is_traced(array) and getattr(array, "is_fully_addressable", True)


def epsilon(array: Array) -> float:
    """The rounding unit of the array's dtype."""
    return float(namespace(array).finfo(array.dtype).eps)


# -- functions of arrays ------------------------------------------------------------------------


def compiled(*static: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorate a function of arrays: under `jax.jit` where they are JAX's, else called as it is.

    NumPy's warnings of divisions by 0 are silenced, as every formula guards its own.

    Args:
        static: the names of arguments that are no arrays.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        @cache
        def under_jit() -> Callable[..., R]:
            import jax

            return jax.jit(function, static_argnames=static)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            if "jax" in sys.modules and any(map(_is_jax, pytree.leaves((args, kwargs)))):
                return under_jit()(*args, **kwargs)
            with np.errstate(all="ignore"):
                return _plain(function(*args, **kwargs))

        return call

    return decorated


def _plain(found: Any) -> Any:
    """NumPy's arrays without axes as its numbers, which print as numbers."""
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*map(_plain, found))
    return found[()] if isinstance(found, np.ndarray) and found.ndim == 0 else found


def stop_gradient(x: Array) -> Array:
    """`x` without its dependence on what it was made from."""
    if is_jax_array(x):
        return sys.modules["jax"].lax.stop_gradient(x)
    return x.detach() if is_torch_array(x) else x


# -- products and sums --------------------------------------------------------------------------


def dot(a: Array, b: Array) -> Array:
    """The matrix product with all digits of its dtype: GPUs may otherwise round float32 to TF32."""
    if is_jax_array(a) or is_jax_array(b):
        jax = sys.modules["jax"]
        return jax.numpy.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
    if is_torch_array(a) and a.is_cuda:
        switch = sys.modules["torch"].backends.cuda.matmul
        before, switch.allow_tf32 = switch.allow_tf32, False
        try:
            return a @ b
        finally:
            switch.allow_tf32 = before
    return a @ b


FEW_CLASSES = 64
"""Up to so many classes NumPy sums rows by class as a product with their 0-1 matrix."""


def segment_sum(values: Array, index: Array, count: int) -> Array:
    """Sums of `values[i]` over the i of each `index[i]` in 0..count-1; others are left out.

    Args:
        values: `[n, ...]`.
        index: `[n]` integers.
        count: how many sums, a static integer.
    """
    if is_jax_array(values):
        return sys.modules["jax"].ops.segment_sum(values, index, count)
    inside = (index >= 0) & (index < count)
    if is_torch_array(values):
        sums = values.new_zeros((count + 1, *values.shape[1:]))  # the last for what is outside
        return sums.index_add(0, index.where(inside, index.new_full((), count)), values)[:count]
    if values.ndim == 1:  # summed in float64: integers are exact to 2⁵³
        return np.bincount(index[inside], values[inside], count).astype(values.dtype)
    if count <= FEW_CLASSES:
        return (np.arange(count)[:, None] == index).astype(values.dtype) @ values
    order = np.argsort(np.where(inside, index, count), kind="stable")[: inside.sum()]
    present, first = np.unique(index[order], return_index=True)
    sums = np.zeros((count, *values.shape[1:]), values.dtype)
    sums[present] = np.add.reduceat(values[order], first, axis=0) if len(order) else 0
    return sums


def over_shards(tree: R, axis_name: str | tuple[str, ...] | None) -> R:
    """Sums over the shards of JAX's arrays, where there are any."""
    return tree if axis_name is None else sys.modules["jax"].lax.psum(tree, axis_name)


def first_places(index: Array, count: int) -> Array:
    """`[count]` the first i of each `index[i]` in 0..count-1; n where there is none."""
    n = index.shape[0]
    if is_jax_array(index):
        jnp = sys.modules["jax"].numpy
        if count == 1:
            first = jnp.argmax(index == 0)
            return jnp.where(index[first] == 0, first, n)[None]
        return jnp.full(count, n).at[index].min(jnp.arange(n), mode="drop")
    first, places = np.full(count, n), to_numpy(index)
    at = np.flatnonzero((places >= 0) & (places < count))[::-1]
    first[places[at]] = at  # a later assignment wins: backwards, the first row
    return first if is_numpy_array(index) else like(first, index)


def top_k(x: Array, k: int) -> tuple[Array, Array]:
    """The `k` largest of the last axis, largest first, and where they are; ties to the lower place.

    (PyTorch does not say which of several equal ones it takes.)
    """
    if is_jax_array(x):
        return tuple(sys.modules["jax"].lax.top_k(x, k))  # type: ignore[return-value]
    if is_torch_array(x):
        return tuple(sys.modules["torch"].topk(x, k, dim=-1))  # type: ignore[return-value]
    some = np.broadcast_to(np.arange(x.shape[-1]), x.shape)
    if k < x.shape[-1]:
        some = np.sort(np.argpartition(-x, k - 1, axis=-1)[..., :k], axis=-1)
    found = np.take_along_axis(x, some, axis=-1)
    order = np.argsort(-found, axis=-1, kind="stable")
    return np.take_along_axis(found, order, -1), np.take_along_axis(some, order, -1)


def take_rows(x: Array, at: Array) -> Array:
    """`x[at]` along the first axis; where JAX asks for one past the end, the last."""
    return x[namespace(x).minimum(at, x.shape[0] - 1) if is_jax_array(x) else at]


def lexsort(keys: Iterable[Array]) -> Array:
    """The order by the last key first, as NumPy's, by stable sorts."""
    order = None
    for key in keys:
        xp = namespace(key)
        step = xp.argsort(key if order is None else xp.take(key, order, axis=0), stable=True)
        order = step if order is None else xp.take(order, step, axis=0)
    return order


# -- loops and branches -------------------------------------------------------------------------


def cond(where: Array, then: Callable[[], R], otherwise: Callable[[], R]) -> R:
    """`then()` or `otherwise()`, of which JAX runs one too where it traces."""
    if is_jax_array(where):
        return sys.modules["jax"].lax.cond(where, then, otherwise)
    return then() if bool(where) else otherwise()


def fold(count: int, step: Callable[[Any, R], R], carry: R, array: Array) -> R:
    """`carry = step(i, carry)` for i in 0..count-1; a loop of JAX's where `array` is of JAX."""
    if is_jax_array(array) and count > 1:
        return sys.modules["jax"].lax.fori_loop(0, count, step, carry)
    for i in range(count):
        carry = step(i, carry)
    return carry
