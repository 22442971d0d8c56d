"""Sphinx: the pages are Markdown, and every code cell is executed when they are built."""

import os
import sys
from pathlib import Path

from gramax import __version__

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("COLUMNS", "90")  # the width of what the command prints

sys.path.insert(0, str(Path(__file__).parent))

project = "gramax"
author = "the gramax authors"
copyright = f"2026, {author}"
release = __version__

extensions = ["myst_nb", "mathml"]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gramax {release}"
html_static_path = ["static"]
html_css_files = ["tables.css"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache" if os.environ.get("GRAMAX_DOCS_CACHE") else "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
smartquotes = False  # quotation marks in docstrings are often those of code
nitpicky = True
