"""Frozen dataclasses that are JAX pytrees.

``jax.tree_util.register_dataclass`` rebuilds an object through its ``__init__``, which runtime
type checkers instrument; JAX rebuilds trees with placeholders, which such a check refuses. Here a
tree is rebuilt without ``__init__``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that belongs to the tree's structure (compared, hashed), not to its leaves."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def pytree(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass whose fields are the leaves of a JAX pytree."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    leaves = tuple(f.name for f in fields if not f.metadata.get("static"))
    statics = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten(tree: T) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        keyed = [(jax.tree_util.GetAttrKey(name), getattr(tree, name)) for name in leaves]
        return keyed, tuple(getattr(tree, name) for name in statics)

    def unflatten(structure: tuple[Any, ...], children: Any) -> T:
        tree = object.__new__(cls)
        for name, value in zip(leaves + statics, tuple(children) + structure, strict=True):
            object.__setattr__(tree, name, value)
        return tree

    jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)
    return cls
