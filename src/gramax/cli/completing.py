"""What the shell offers after TAB where a value is not one of a few fixed words."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell name files. No `click.Path`: inputs are patterns and addresses too."""
    return [CompletionItem(incomplete, type="file")]


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell name folders."""
    return [CompletionItem(incomplete, type="dir")]


def metric_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The metrics of the registry, with their meanings where the shell shows them."""
    import gramax.metrics  # noqa: F401 - fills the registry
    from gramax.metrics.registry import METRICS

    return _beginning(incomplete, ((m.name, m.meaning) for m in METRICS.everything()))


def picture_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The pictures of `gramax figures`."""
    from gramax.render.figures import SCENES

    return _beginning(incomplete, ((name, None) for name in SCENES))


def _beginning(start: str, offers: Iterable[tuple[str, str | None]]) -> list[CompletionItem]:
    return [CompletionItem(name, help=words) for name, words in offers if name.startswith(start)]
