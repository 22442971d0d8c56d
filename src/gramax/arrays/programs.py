"""What runs once a report: on a CPU, most of its time is its compilation.

Two of XLA's options take two thirds of that away. Its fusion emitters make no faster code here, and
are half of the time; LLVM's optimisations pay where there are thousands of codes or rows only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

EMITTERS, EFFORT = "xla_cpu_use_fusion_emitters", "xla_backend_optimization_level"

FEW = 1024
"""The longest axis of arrays on which nothing takes long, optimised or not: a million pairs."""

R = TypeVar("R")


def program(static_argnums: tuple[int, ...] = ()) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorate a function of arrays: under jit, and compiled in a hurry on a CPU.

    Inside of another program it is a part of that, and compiled as the whole is.

    Args:
        static_argnums: the places of arguments that are no arrays.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        plain = jax.jit(function, static_argnums=static_argnums)

        @cache
        def hurried(small: bool) -> Callable[..., R]:
            options = _known(small)
            return jax.jit(function, static_argnums=static_argnums, compiler_options=options)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            arrays = [a for at, a in enumerate(args) if at not in static_argnums]
            leaves = jax.tree.leaves((arrays, kwargs))
            # While JAX traces, what it makes is traced too, whatever the arguments are.
            if jax.default_backend() != "cpu" or any(
                isinstance(x, Tracer) for x in (*leaves, jnp.zeros(()))
            ):
                return plain(*args, **kwargs)
            longest = max((n for x in leaves for n in np.shape(x)), default=0)
            return hurried(longest <= FEW)(*args, **kwargs)

        return call

    return decorated


@cache
def _known(small: bool) -> dict[str, bool | int]:
    """The options, where this version of XLA has them all."""
    options = {EMITTERS: False, **({EFFORT: 0} if small else {})}
    try:
        jax.jit(lambda: 0, compiler_options=options)()
    except jax.errors.JaxRuntimeError:
        return {}
    return options
