"""What is imported only when asked for: packages that may be missing, and the drawing room."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gramax.errors import MissingExtraError


def need(module: str, feature: str, package: str = "", extra: str | None = None) -> Any:
    """Import `module` for a feature.

    Args:
        module: its full name.
        feature: what needs it, as the error says.
        package: what to install; by default the first part of the module's name.
        extra: the extra of gramax that brings it, if one does.

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

    Numbers know nothing of pictures: imports go from pictures to numbers alone. A method such as
    `Report.plot` is the one way back, so it names what it draws with only when it is called.
    """
    return import_module(f"gramax.render.{module}")
