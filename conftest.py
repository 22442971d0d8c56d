"""Modules whose framework is not installed are not collected for their doctests."""

from importlib.util import find_spec

collect_ignore = [
    f"src/gramax/training/{name}.py"
    for name in ("keras", "lightning", "transformers")
    if find_spec(name) is None
]
