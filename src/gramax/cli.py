"""The command line: parse, call, print, exit code.

Exit codes: 0 fine, 1 a threshold was crossed, 2 the input cannot be used, 130 interrupted.
Heavy modules are imported by the command that needs them, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gramax._version import __version__
from gramax.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from gramax.auditing import Progress

OK, CROSSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gramax")
def cli() -> None:
    """Audit the geometry of a latent space.

    Are classes tightening? Is the space used? Do the class codes form a simplex? How close is the
    worst crosstalk to its floor? Can an optimiser reach that geometry?
    """


@cli.command()
@click.argument("embeddings")
@click.option("--labels", metavar="LABELS", help="A file of labels, or a column of EMBEDDINGS.")
@click.option("--column", metavar="NAME", help="The embedding column, where there are several.")
@click.option("--codes", is_flag=True, help="The rows are a codebook: one vector a class.")
@click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere.")
@click.option("--worst", default=5, show_default=True, help="Worst pairs of classes to name.")
@click.option(
    "--explain",
    is_flag=True,
    help="Every number with its error bar and what chance gives; takes some seconds more.",
)
@click.option(
    "--weighting",
    type=click.Choice(["sample", "macro"]),
    default="sample",
    show_default=True,
    help="Weigh every row alike, or every class.",
)
@click.option(
    "--deviation",
    type=click.Choice(["population", "sample"]),
    default="population",
    show_default=True,
    help="Deviations over K classes divide by K, or by K-1.",
)
@click.option(
    "--center",
    type=click.Choice(["global", "none"]),
    default="global",
    show_default=True,
    help="Take class means and spectra about the global mean, or from the origin.",
)
@click.option("--json", "json_out", metavar="OUT", help="Write the report as JSON (- for stdout).")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CONDITION",
    help='Exit with 1 where it holds, e.g. "effective_rank<50". Repeatable.',
)
def audit(
    embeddings: str,
    labels: str | None,
    column: str | None,
    codes: bool,
    raw: bool,
    worst: int,
    explain: bool,
    json_out: str | None,
    fail_on: tuple[str, ...],
    **options: Any,
) -> int:
    """Audit a file of EMBEDDINGS (.npy, .npz, .safetensors, .parquet)."""
    from gramax import thresholds

    conditions = [thresholds.parse(text) for text in fail_on]
    json_file = None if json_out == "-" else json_out
    if json_file:
        _check_output(json_file, embeddings, labels)

    from gramax.auditing import audit as run
    from gramax.options import Options
    from gramax.render import terminal

    with _progress() as progress:
        report = run(
            embeddings,
            labels,
            codes=codes,
            raw=raw,
            column=column,
            worst=max(worst, 1),
            explain=explain,
            options=Options(**options),
            progress=progress,
        )
    thresholds.check_names(conditions, report)
    if json_out == "-":
        click.echo(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        terminal.show(report)
    if json_file:
        _write_json(json_file, report.to_dict())
    broken = [words for words in (c.broken_by(report) for c in conditions) if words]
    for words in broken:
        click.echo(f"failed: {words}", err=True)
    return CROSSED if broken else OK


@cli.command()
@click.argument("name", required=False)
def metrics(name: str | None) -> int:
    """List the metrics, or tell all about the one called NAME."""
    from rich.console import Console

    from gramax.render import terminal

    console = Console()
    if name is None:
        console.print(terminal.metric_list())
    elif name in terminal.METRICS:
        console.print(terminal.metric_page(terminal.METRICS[name]))
    else:
        raise InputError(f"no metric {name!r}; `gramax metrics` lists them")
    return OK


@cli.command()
@click.argument("c", type=click.IntRange(min=1))
@click.argument("d", type=click.IntRange(min=1))
@click.option("--field", type=click.Choice(["real", "complex"]), default="real")
@click.option("--signed", is_flag=True, help="Bound the largest cosine, not the largest |cosine|.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bounds(c: int, d: int, field: str, signed: bool, as_json: bool) -> int:
    """Every lower bound on the coherence of C codes in D dimensions, and the largest."""
    from gramax.frames import all_bounds, coherence_floor

    floor = coherence_floor(c, d, field, signed)
    rows = all_bounds(c, d, field, signed)
    if as_json:
        data = {"c": c, "d": d, "field": field, "signed": signed, "floor": vars(floor)}
        click.echo(json.dumps(data | {"bounds": [vars(row) for row in rows]}, indent=2))
    else:
        from gramax.render import terminal

        terminal.show_bounds(floor, rows)
    return OK


@cli.command()
@click.argument("c", type=click.IntRange(min=1))
@click.argument("d", type=click.IntRange(min=1))
@click.option("--field", type=click.Choice(["real", "complex"]), default="real")
@click.option("--signed", is_flag=True, help="Spread points: least largest cosine, not |cosine|.")
@click.option("--seconds", default=10.0, show_default=True, help="Time to search.")
@click.option("--seed", default=0, show_default=True, help="Of the random starts.")
@click.option("--out", metavar="CODES.npy", help="Write the codes.")
def codebook(
    c: int, d: int, field: str, signed: bool, seconds: float, seed: int, out: str | None
) -> int:
    """Build the best codebook of C codes in D dimensions that a formula or descent gives."""
    from gramax.files import check_writable, write_array
    from gramax.frames import pack

    if out:
        check_writable(out)

    def tell(line: Any) -> None:
        click.echo(f"{line.seconds:6.1f} s  {line.how:<12} gap {line.gap:.3e}", err=True)

    found = pack(c, d, field, signed, seconds=seconds, key=seed, report=tell)
    if out:
        write_array(out, found.codes)
    click.echo(f"coherence {found.coherence:.12f}  gap {found.gap:.3e}  ({found.found})")
    click.echo(f"floor     {found.floor.value:.12f}  {found.floor.bound}")
    click.echo(f"stopped:  {found.stopped}")
    return OK


@cli.command()
@click.option("--out", default="demo", show_default=True, help="Folder for what it leaves.")
@click.option("--epochs", default=300, show_default=True, help="Passes over the digits.")
@click.option("--seed", default=0, show_default=True, help="Of the weights and the batches.")
def demo(out: str, epochs: int, seed: int) -> int:
    """Train a network on handwritten digits and audit it as its classes collapse."""
    from gramax.demo import run
    from gramax.render import terminal

    click.echo(terminal.DEMO_HEADING)
    report = run(
        out,
        epochs=epochs,
        seed=seed,
        progress=lambda shot: click.echo(terminal.demo_line(shot.record, shot.cosines)),
    )
    click.echo()
    terminal.show(report)
    click.echo(f"\n{out}/ holds the embeddings, run.jsonl, report.json and demo.gif.")
    return OK


@cli.command()
@click.option("--out", default="figures", show_default=True, help="Folder for the pictures.")
@click.option("--only", multiple=True, metavar="NAME", help="One picture by name. Repeatable.")
def figures(out: str, only: tuple[str, ...]) -> int:
    """Draw the five pictures, each descent validated against theory first."""
    from gramax.render.checks import FiguresError
    from gramax.render.figures import figures as draw

    try:
        checks = draw(out, only or None, progress=click.echo)
    except FiguresError as error:
        click.echo(f"failed: {error}", err=True)
        return CROSSED
    for check in checks:
        click.echo(str(check))
    return OK


def _check_output(path: str, *inputs: str | None) -> None:
    from gramax.files import check_writable

    check_writable(path)
    if os.path.exists(path):
        for given in filter(None, inputs):
            if os.path.exists(given) and os.path.samefile(path, given):
                raise InputError(f"{path}: is an input of this audit and is not written over")


def _write_json(path: str, data: dict[str, Any]) -> None:
    from gramax.files import write_text

    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A progress bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.completed:,.0f} rows"))
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: the process's own) and return its exit code."""
    try:
        result = cli.main(
            args=None if argv is None else list(argv), prog_name="gramax", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except (InputError, MissingExtraError) as error:
        click.echo(f"gramax: {error}", err=True)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; what is left to print goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return result if isinstance(result, int) else OK
