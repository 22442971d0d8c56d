"""What the hidden first cell of a page runs: drawings as SVG, and a `%%sh` that prints plain text.

IPython's own `%%sh` passes on what it reads a piece at a time, and a page then shows the pieces.
"""

import os
import re
import subprocess

from IPython import get_ipython

PROGRESS = re.compile(r"^gramax: [a-z -]+( [AB])?(: [\d%].*)?\n", re.MULTILINE)
"""A line on how far the work is, which comes where the machine that builds the page is slow."""

shell = get_ipython()
shell.run_line_magic("config", 'InlineBackend.figure_formats = ["svg"]')
os.environ.pop("FORCE_COLOR", None)  # which the kernel sets


def sh(_: str, cell: str) -> None:
    """Run the cell's commands; one that fails fails the page."""
    done = subprocess.run(
        ["sh", "-ec", cell],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    print(PROGRESS.sub("", done.stdout), end="")
    done.check_returncode()


shell.register_magic_function(sh, "cell")
