"""The command line: parse, call, print, exit code.

Heavy modules are imported by the command that needs them, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gramax._version import __version__
from gramax.cli.audit import audit
from gramax.cli.codebook import bounds, codebook
from gramax.cli.compare import compare
from gramax.cli.decisions import apply, fix, rank, shrink, sides, threshold
from gramax.cli.options import BAD_INPUT, EXIT_CODES, INTERRUPTED, OK
from gramax.cli.run_logs import timeline, watch
from gramax.cli.showcase import demo, figures, metrics
from gramax.errors import InputError, MissingExtraError, exhausted


class Sections(click.Group):
    """A group whose help lists its commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, each with its commands."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                rows = [(str(one.name), one.get_short_help_str(80)) for one in commands]
                formatter.write_dl(rows)


@click.group(
    cls=Sections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="gramax")
def cli() -> None:
    """Audit the geometry of a latent space.

    Are classes tightening? Is the space used? Do the class codes form a simplex? How close is the
    worst crosstalk to its floor? Can an optimiser reach that geometry?
    """


SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Look": (audit, compare),
    "Decide": (threshold, fix, apply, shrink, rank, sides),
    "Codebooks": (bounds, codebook),
    "Training": (timeline, watch),
    "Learn": (metrics, demo, figures),
}
"""The commands by what they are for, as the help lists them."""

for commands in SECTIONS.values():
    for command in commands:
        cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: the process's own) and return its exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        result = cli.main(args=given, prog_name="gramax", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        short = isinstance(error, MemoryError) or exhausted(error)
        if not (short or isinstance(error, (InputError, MissingExtraError, OSError))):
            raise
        line = _lack_of_memory(error, given) if short else _line(error)
        click.echo(f"gramax: {line}", err=True)
        return BAD_INPUT
    return result if isinstance(result, int) else OK


def _line(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error)


def _lack_of_memory(error: Exception, given: Sequence[str]) -> str:
    """What lacked it, and what helps beside more: the options that the command has for that."""
    command = next((cli.commands[word] for word in given if word in cli.commands), None)
    asks = {parameter.name for parameter in command.params} if command else set()
    less = ""
    if "workers" in asks:
        less = ", or less to do: fewer --workers, fewer dimensions"
    elif {"c", "d"} <= asks:
        less = ", or less to do: fewer codes, fewer dimensions"
    notes = getattr(error, "__notes__", ())
    return f"out of memory{f' {notes[0]}' if notes else ''}; give it more{less}"
