"""The commands under "Decide": what to do about a space, each with a page, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from gramax.cli import options
from gramax.cli.outputs import check_outputs, leave
from gramax.cli.progress import showing
from gramax.errors import InputError


def _decide(
    name: str,
    given: dict[str, Any],
    *sources: Any,
    out: str | None = None,
    save: Callable[[Any], None] = lambda _: None,
) -> int:
    """Take the decision of that name about the sources, save what it has beside, and show it."""
    outputs = given.pop("json_out"), given.pop("html_out")
    places = [
        one for source in sources for one in ([source] if isinstance(source, str) else source)
    ]
    beside = [given.get(key) for key in ("labels", "labels_b", "pairs")]
    check_outputs([*outputs, out], *places, *beside)
    run = getattr(import_module(f"gramax.decide.{name}"), name)
    with showing() as progress:
        found = run(*sources, progress=progress, **options.as_arguments(given))
    if out:
        save(found)
    return leave(found, *outputs)


@click.command()
@options.embeddings_argument
@options.labels_option
@options.column_option
@click.option(
    "--accepts",
    type=float,
    metavar="RATE",
    help="The share of different pairs that may pass, such as 1e-3; by default as large a share as "
    "that of the same pairs that fail.",
)
@options.file_option(
    "--merge-out", metavar="OUT", help="Write the classes to merge, or to look at (.csv)."
)
@options.decision_options
def threshold(embeddings: tuple[str, ...], merge_out: str | None, **given: Any) -> int:
    """Find the cosine above which two rows are the same.

    From all pairs of rows of one class and of two: the threshold at equal errors and at rates of
    false accepts, each with its interval, and the classes that make the errors.
    """
    if merge_out:
        from gramax.decide.mixed_up import check_name

        check_name(merge_out)
    source = options.one_or_all(embeddings)
    return _decide(
        "threshold", given, source, out=merge_out, save=lambda found: found.save_merge(merge_out)
    )


@click.command()
@options.embeddings_argument
@options.labels_option
@options.column_option
@options.raw_option
@click.option(
    "--use",
    type=click.Choice(("all", "nearest_neighbour", "nearest_mean", "probe")),
    default="all",
    show_default=True,
    help="What is to become better: each use by itself, or one.",
)
@options.file_option(
    "--out",
    metavar="OUT",
    help="Write the remedy (of the first use that becomes better) as .safetensors, for apply.",
)
@click.option(
    "--remedy", metavar="NAME", help="Write this one to OUT, whatever is recommended: whiten_0.5."
)
@options.decision_options
def fix(embeddings: tuple[str, ...], out: str | None, remedy: str | None, **given: Any) -> int:
    """Whether to centre, cut or whiten EMBEDDINGS, or to leave them as they are.

    Held-out rows decide: a remedy is recommended for a use only if rows that it has not seen get
    their classes more often, beyond noise. Without labels only centring may be.
    """
    if remedy and not out:
        raise InputError("--remedy says what to write: give --out too")
    told = "not written, as nothing is to be changed; --remedy NAME does"

    def save(found: Any) -> None:
        nonlocal told
        if transform := found.remedy(remedy) if remedy else found.transform:
            transform.save(out)
            told = transform.name

    code = _decide("fix", given, options.one_or_all(embeddings), out=out, save=save)
    if out:
        click.echo(f"{out}: {told}", err=True)
    return code


@click.command()
@options.file_argument("transform")
@options.embeddings_argument
@options.file_option(
    "--out", metavar="OUT", required=True, help="Write .npy, .safetensors or .parquet, by its name."
)
@options.column_option
@options.reading_options
def apply(transform: str, embeddings: tuple[str, ...], out: str, **given: Any) -> int:
    """Write EMBEDDINGS, of any size and format, after TRANSFORM of gramax fix.

    Corpus and queries must go through the same transform.
    """
    from gramax.decide.application import apply as run
    from gramax.decide.application import check_format

    check_outputs([check_format(out)], transform, *embeddings)
    with showing() as progress:
        source = options.one_or_all(embeddings)
        done = run(transform, source, out, progress=progress, **options.as_arguments(given))
    click.echo(f"{done.path}: {done.rows:,} rows × {done.dim:,} dimensions")
    return options.OK


@click.command()
@options.embeddings_argument
@options.labels_option
@options.column_option
@options.raw_option
@click.option(
    "--loss",
    default=0.01,
    show_default=True,
    help="How much of the quality may be lost: the end of its interval is held to that.",
)
@click.option(
    "--by",
    type=click.Choice(("recall", "nearest_neighbour", "nearest_mean", "probe")),
    help="The quality that decides.  [default: nearest_neighbour with labels, else recall]",
)
@options.decision_options
def shrink(embeddings: tuple[str, ...], **given: Any) -> int:
    """How few bytes a row will do: fewer dimensions, float16, int8, bits.

    Each way is searched by the same rows, and what it loses is told with an interval.
    """
    return _decide("shrink", given, options.one_or_all(embeddings))


@click.command()
@options.file_argument("sources", nargs=-1, required=True)
@options.labels_option
@click.option(
    "--by",
    metavar="NAME",
    shell_complete=options.complete_metrics,
    help="probe, nearest_mean, nearest_neighbour (accuracy on held-out rows), or a number of the "
    "audit.  [default: probe]",
)
@click.option(
    "--each", metavar="PATTERN", help="Rank all arrays or columns of that kind, as 'layer_*'."
)
@options.column_option
@options.raw_option
@options.decision_options
def rank(sources: tuple[str, ...], **given: Any) -> int:
    """Which of many layers, checkpoints or models of the same rows to take.

    Row i is the same sample in all SOURCES. Differences are called real with all pairs in mind.
    """
    return _decide("rank", given, list(sources))


@click.command()
@options.file_argument("a")
@options.file_argument("b")
@options.file_option(
    "--pairs",
    metavar="PAIRS",
    help="Numbers [p, 2] of a row of A and a row of B that match.  [default: row i and row i]",
)
@options.file_option(
    "--labels",
    metavar="LABELS",
    help="Rows with the same label match: files of labels, or a column, for A and B.",
)
@options.file_option(
    "--labels-b", metavar="LABELS", help="Labels of B, where they are not those of A."
)
@options.column_option
@options.file_option(
    "--save-centres", metavar="OUT", help="Write the centroids to subtract (.safetensors)."
)
@options.decision_options
def sides(a: str, b: str, save_centres: str | None, **given: Any) -> int:
    """Two sides of one space: would centring each help search?

    A and B are images and texts, queries and a corpus, or two views: files, or file::column.
    """

    def save(found: Any) -> None:
        from gramax._files import write_safetensors

        arrays = dict(zip("ab", found.centres, strict=True))
        write_safetensors(save_centres or "", arrays, {"normalize": json.dumps(True)})

    return _decide("sides", given, a, b, out=save_centres, save=save)
