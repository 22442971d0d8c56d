"""The options that `audit` and `compare` share: what the rows are, and who reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Any], Any]


def _all(*options: Decorator) -> Decorator:
    """Several decorators as one, the first uppermost."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


row_options = _all(
    click.option("--column", metavar="NAME", help="The embedding column, where there are several."),
    click.option("--codes", is_flag=True, help="The rows are a codebook: one vector a class."),
    click.option("--raw", is_flag=True, help="Take rows as they are, not on the unit sphere."),
)

definition_options = _all(
    click.option(
        "--weighting",
        type=click.Choice(["sample", "macro"]),
        default="sample",
        show_default=True,
        help="Weigh every row alike, or every class.",
    ),
    click.option(
        "--deviation",
        type=click.Choice(["population", "sample"]),
        default="population",
        show_default=True,
        help="Deviations over K classes divide by K, or by K-1.",
    ),
    click.option(
        "--center",
        type=click.Choice(["global", "none"]),
        default="global",
        show_default=True,
        help="Take class means and spectra about the global mean, or from the origin.",
    ),
)
"""The fields of `gramax.Options`."""

engine_options = _all(
    click.option(
        "--engine",
        type=click.Choice(["serial", "processes", "ray"]),
        default="serial",
        show_default=True,
        help="Who reads and sums the rows: this process, several, or a Ray cluster.",
    ),
    click.option("--workers", type=int, help="Workers of the engine; by default one a core."),
    click.option("--engine-address", metavar="ADDRESS", help="A running Ray cluster, or auto."),
    click.option("--skip-bad", is_flag=True, help="Leave out what cannot be read, and say so."),
)
