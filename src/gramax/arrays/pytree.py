"""Frozen dataclasses of arrays, which JAX takes for trees of arrays once it is imported.

JAX is told of a class as soon as it is there: when the class is made, or when the first object is
made after JAX was imported. So programs without JAX never load it.

``jax.tree_util.register_dataclass`` rebuilds an object through its ``__init__``, which runtime
type checkers instrument; JAX rebuilds trees with placeholders, which such a check refuses. Here a
tree is rebuilt without ``__init__``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
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


def _fields(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the leaves, and of the static fields."""
    fields = dataclasses.fields(cls)
    leaves = tuple(f.name for f in fields if not f.metadata.get("static"))
    return leaves, tuple(f.name for f in fields if f.metadata.get("static"))


def _register() -> None:
    """Tell JAX of the classes that wait, where it is imported (in whole: it imports itself too)."""
    tree_util = sys.modules.get("jax.tree_util")
    if not _waiting or not hasattr(tree_util, "register_pytree_with_keys"):
        return
    while _waiting:
        _tell(tree_util, _waiting.pop())


def _tell(tree_util: Any, cls: type) -> None:
    leaves, statics = _fields(cls)

    def flatten(tree: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        keyed = [(tree_util.GetAttrKey(name), getattr(tree, name)) for name in leaves]
        return keyed, tuple(getattr(tree, name) for name in statics)

    def unflatten(structure: tuple[Any, ...], children: Any) -> Any:
        tree = object.__new__(cls)
        for name, value in zip(leaves + statics, tuple(children) + structure, strict=True):
            object.__setattr__(tree, name, value)
        return tree

    tree_util.register_pytree_with_keys(cls, flatten, unflatten)


def leaves(tree: Any) -> Iterator[Any]:
    """The arrays and numbers in nested tuples, lists, dicts and such dataclasses."""
    if isinstance(tree, tuple | list):
        for one in tree:
            yield from leaves(one)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        yield from leaves([getattr(tree, name) for name in _fields(type(tree))[0]])
    elif tree is not None:
        yield tree


def mapped(function: Callable[[Any], Any], tree: T) -> T:
    """The dataclass with `function` of every leaf that is not None."""
    names, _ = _fields(type(tree))
    new = {name: getattr(tree, name) for name in names}
    new = {name: None if leaf is None else function(leaf) for name, leaf in new.items()}
    return dataclasses.replace(tree, **new)  # type: ignore[type-var]
