"""What is imported only when asked for: packages that may be missing, and the drawing room."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gramax.errors import MissingExtraError


def need(module: str, feature: str, package: str = "", extra: str | None = None) -> Any:
    """Import `module`, the full name of one, for a feature: the error names what to install.

    That is `package`, by default the first part of the name, and the extra that brings it.

    Raises:
        MissingExtraError: it is not installed. An error inside an installed package passes.

    Example:
        >>> need("no_such_package.part", "the example")
        Traceback (most recent call last):
        gramax.errors.MissingExtraError: the example needs no_such_package, which is not installed:
        pip install no_such_package
    """
    top = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not module.startswith(error.name or "?"):
            raise
        raise MissingExtraError(feature, package or top, extra) from None


def drawing(module: str) -> Any:
    """A module of `gramax.render`, for the methods of reports that draw them.

    Imports go from pictures to numbers alone: a method such as `Report.plot` is the one way back.
    """
    return import_module(f"gramax.render.{module}")
