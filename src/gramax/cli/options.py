"""What commands share: exit codes, options, and what the shell offers after TAB."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any

import click
from click.shell_completion import CompletionItem

OK, CROSSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

EXIT_CODES = """\b
Exit codes of every command:
    0  fine
    1  a threshold was crossed, or a picture missed its theory
    2  an input, an option or an output that cannot be used: one line says which
  130  interrupted (Ctrl-C); 143 for SIGTERM"""
"""The end of the help."""


def complete_files(_: Any, __: Any, incomplete: str) -> list[CompletionItem]:
    """Let the shell name files. No `click.Path`: inputs are patterns and addresses too."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(_: Any, __: Any, incomplete: str) -> list[CompletionItem]:
    """Let the shell name folders."""
    return [CompletionItem(incomplete, type="dir")]


def audited_metrics(*given: str) -> list[str]:
    """The metrics that an audit has: of rows and labels, and of what else is `given` (a `Need`)."""
    import gramax.metrics  # noqa: F401 - fills the registry
    from gramax.metrics.registry import METRICS

    every = METRICS.everything()
    return [m.name for m in every if m.compute or m.of_rows or m.needs <= set(given)]


def complete_metrics(_: Any, __: Any, incomplete: str) -> list[CompletionItem]:
    """The metrics of the registry, with their meanings where the shell shows them."""
    import gramax.metrics  # noqa: F401 - fills the registry
    from gramax.metrics.registry import METRICS

    return _beginning(incomplete, ((m.name, m.meaning) for m in METRICS.everything()))


def complete_pictures(_: Any, __: Any, incomplete: str) -> list[CompletionItem]:
    """The pictures of `gramax figures`."""
    from gramax.render.figures import SCENES

    return _beginning(incomplete, ((name, None) for name in SCENES))


def _beginning(start: str, offers: Iterable[tuple[str, str | None]]) -> list[CompletionItem]:
    return [CompletionItem(name, help=words) for name, words in offers if name.startswith(start)]


file_argument = partial(click.argument, shell_complete=complete_files)
file_option = partial(click.option, shell_complete=complete_files)
embeddings_argument = file_argument("embeddings", nargs=-1, required=True)
labels_option = file_option(
    "--labels", metavar="LABELS", help="Files of labels, or the name of a column."
)
json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _choice(name: str, choices: str, words: str) -> Any:
    """An option that takes one of a few words, the first by default."""
    kind = click.Choice(choices.split())
    return click.option(name, type=kind, default=kind.choices[0], show_default=True, help=words)


def _together(*options: Any) -> Callable[[Any], Any]:
    """Several decorators as one, the first uppermost."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


column_option = click.option(
    "--column", metavar="NAME", help="The embedding column, where there are several."
)
raw_option = click.option(
    "--raw", is_flag=True, help="Take rows as they are, not on the unit sphere."
)
row_options = _together(
    column_option,
    click.option("--codes", is_flag=True, help="The rows are a codebook: one vector a class."),
    raw_option,
    file_option(
        "--groups",
        metavar="GROUPS",
        help="Rows that hang together (views, documents, persons): files, or a column.",
    ),
)
reading_options = _together(
    click.option("--transpose", is_flag=True, help="Rows are stored as columns."),
    click.option("--bits", is_flag=True, help="Bytes are eight dimensions each, packed bits."),
    click.option("--zero-point", type=float, help="The stored number that stands for 0."),
    click.option("--scale", type=float, help="What a step of quantised numbers is worth."),
)
CENTRE = "Take class means and spectra about the global mean, or from the origin."
definition_options = _together(
    _choice("--weighting", "sample macro", "Weigh every row alike, or every class."),
    _choice(
        "--deviation", "population sample", "Deviations over K classes divide by K, or by K-1."
    ),
    _choice("--center", "global none", CENTRE),
)
ENGINE = "Who reads and sums the rows: this process, several, or a Ray cluster."
ADDRESS = "A running Ray cluster, or auto."
engine_options = _together(
    _choice("--engine", "serial processes ray", ENGINE),
    click.option("--workers", type=int, help="Workers of the engine; by default one a core."),
    click.option("--engine-address", "address", metavar="ADDRESS", help=ADDRESS),
    click.option("--skip-bad", is_flag=True, help="Leave out what cannot be read, and say so."),
)
output_options = _together(
    file_option("--html", "html_out", metavar="OUT", help="Write it as one HTML file."),
    file_option("--json", "json_out", metavar="OUT", help="Write it as JSON (- for stdout)."),
)
decision_options = _together(reading_options, engine_options, output_options)


def one_or_all(embeddings: tuple[str, ...]) -> str | list[str]:
    """What is to be read: one place as it is, or the list of several."""
    return embeddings[0] if len(embeddings) == 1 else list(embeddings)


def as_arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a command as arguments: those that say how to read and sum, each group as one.

    A command has any of the groups, or none of them.
    """
    from gramax.data import Reading
    from gramax.metrics.options import Options
    from gramax.streaming import Execution

    groups = {
        "reading": (Reading, ("transpose", "bits", "zero_point", "scale")),
        "options": (Options, ("weighting", "deviation", "center")),
        "execution": (Execution, ("engine", "workers", "address", "checkpoint", "skip_bad")),
    }
    for argument, (kind, names) in groups.items():
        some = {name: given.pop(name) for name in names if name in given}
        given |= {argument: kind(**some)} if some else {}
    return given
