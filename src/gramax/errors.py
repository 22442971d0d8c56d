"""What goes wrong at the edges, in one line that says what, where, and what to do."""


class InputError(ValueError):
    """An input that cannot be audited; the message is one line for a person to act on."""


class MissingExtraError(ImportError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, package: str, extra: str | None = None):
        """Name the feature, the package it lacks, and the extra that brings it, if one does."""
        line = f"pip install {package}"
        if extra:
            line = f"pip install 'gramax[{extra}]' (or {line})"
        super().__init__(f"{feature} needs {package}, which is not installed: {line}")
