"""The command line: parse, call, print, exit code. One file a command.

Heavy modules are imported by the command that needs them, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gramax._version import __version__
from gramax.cli.audit import audit
from gramax.cli.bounds import bounds
from gramax.cli.codebook import codebook
from gramax.cli.codes import BAD_INPUT, INTERRUPTED, MEANING, OK
from gramax.cli.compare import compare
from gramax.cli.demo import demo
from gramax.cli.figures import figures
from gramax.cli.metrics import metrics
from gramax.cli.timeline import timeline
from gramax.cli.watch import watch
from gramax.errors import InputError, MissingExtraError, exhausted


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=MEANING,
)
@click.version_option(__version__, prog_name="gramax")
def cli() -> None:
    """Audit the geometry of a latent space.

    Are classes tightening? Is the space used? Do the class codes form a simplex? How close is the
    worst crosstalk to its floor? Can an optimiser reach that geometry?
    """


for command in (audit, compare, metrics, bounds, codebook, demo, figures, timeline, watch):
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
    except (InputError, MissingExtraError, OSError, MemoryError) as error:
        return _refused(error, given)
    except Exception as error:
        if not exhausted(error):
            raise
        return _refused(MemoryError("XLA"), given)
    return result if isinstance(result, int) else OK


def _refused(error: Exception, given: Sequence[str]) -> int:
    click.echo(f"gramax: {_line(error, given)}", err=True)
    return BAD_INPUT


def _line(error: Exception, given: Sequence[str]) -> str:
    if isinstance(error, MemoryError):
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ())[:1])
        return f"out of memory{notes}; give it more{_less(given)}"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error)


def _less(given: Sequence[str]) -> str:
    """What else helps against a lack of memory: what the command has an option for."""
    command = next((cli.commands[word] for word in given if word in cli.commands), None)
    asks = {parameter.name for parameter in command.params} if command else set()
    if "workers" in asks:
        return ", or less to do: fewer --workers, fewer dimensions"
    return ", or less to do: fewer codes, fewer dimensions" if {"c", "d"} <= asks else ""
