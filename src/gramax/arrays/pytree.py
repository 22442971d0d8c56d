"""Frozen dataclasses of arrays, which JAX takes for trees of arrays once it is imported.

JAX is told of a class as soon as it is there: when the class is made, or when the first object is
made after JAX was imported. So programs without JAX never load it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_waiting: list[type] = []
"""Classes that JAX has not been told of."""


def static(**kwargs: Any) -> Any:
    """A field that belongs to the tree's structure (compared, hashed), not to its leaves."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def pytree(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass whose fields are the leaves of a tree of arrays."""
    cls.__post_init__ = lambda self: _register()  # type: ignore[attr-defined]
    cls = dataclasses.dataclass(frozen=True)(cls)
    _waiting.append(cls)
    _register()
    return cls


@cache
def _names(cls: Any, static: bool) -> tuple[str, ...]:
    fields = dataclasses.fields(cls)
    return tuple(f.name for f in fields if bool(f.metadata.get("static")) == static)


def _register() -> None:
    """Tell JAX of the classes that wait, where it is imported (in whole: it imports itself too)."""
    tree_util = sys.modules.get("jax.tree_util")
    while _waiting and hasattr(tree_util, "register_pytree_with_keys"):
        _tell(tree_util, _waiting.pop())


def _tell(tree_util: Any, cls: type) -> None:
    """Register `cls` so that trees are rebuilt without its `__init__`.

    Runtime type checkers instrument `__init__`; JAX rebuilds trees with placeholders, which such a
    check refuses. That is why this is not `jax.tree_util.register_dataclass`.
    """
    leaves, statics = _names(cls, False), _names(cls, True)

    def flatten(tree: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        keyed = [(tree_util.GetAttrKey(name), getattr(tree, name)) for name in leaves]
        return keyed, tuple(getattr(tree, name) for name in statics)

    def unflatten(structure: tuple[Any, ...], children: Any) -> Any:
        tree = object.__new__(cls)
        for name, value in zip(leaves + statics, (*children, *structure), strict=True):
            object.__setattr__(tree, name, value)
        return tree

    tree_util.register_pytree_with_keys(cls, flatten, unflatten)


def leaves(tree: Any) -> Iterator[Any]:
    """The arrays and numbers in nested tuples, lists, dicts and such dataclasses."""
    if isinstance(tree, dict):
        parts: Iterable[Any] = tree.values()
    elif isinstance(tree, tuple | list):
        parts = tree
    elif hasattr(type(tree), "__dataclass_fields__"):
        parts = map(tree.__getattribute__, _names(type(tree), False))
    else:
        if tree is not None:
            yield tree
        return
    for one in parts:
        yield from leaves(one)


def mapped(function: Callable[[Any], Any], tree: T) -> T:
    """The dataclass with `function` of every leaf that is not None."""
    found = {name: getattr(tree, name) for name in _names(type(tree), False)}
    changed = {name: function(leaf) for name, leaf in found.items() if leaf is not None}
    return dataclasses.replace(tree, **changed)  # type: ignore[type-var]
