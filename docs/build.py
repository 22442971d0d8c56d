"""Write docs/metrics.md from the registry and docs/reference.md from the docstrings: `make docs`.

With `--check`, change nothing and exit with 1 where a file is not what the code says.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

import gramax
import gramax.chance
import gramax.errorbars
import gramax.frames
import gramax.metrics
from gramax.registry import METRICS, QUESTIONS

DOCS = Path(__file__).parent
METRICS_HEAD = """# Metrics

Made from the registry by `make docs`. Every metric is undefined (NaN, with the reason) on the input
named under *degenerate*, and never scores well there.
"""


def metrics() -> str:
    """Every metric, under the question that it answers."""
    parts = [METRICS_HEAD]
    for question, asks in QUESTIONS.items():
        parts.append(f"\n## {asks}\n")
        parts += [_metric(metric) for metric in METRICS.everything() if metric.question == question]
    return "".join(parts)


def _metric(metric) -> str:
    rows = metric.declared()
    del rows["question"], rows["meaning"]
    lines = [f"- **{name}**: {text}\n" for name, text in rows.items()]
    meaning = f"{metric.meaning[0].upper()}{metric.meaning[1:]}."
    return f"\n### `{metric.name}`\n{meaning}\n\n" + "".join(lines)


def reference() -> str:
    """Every public name, with its signature and docstring."""
    parts = ["# Reference\n\nMade from the docstrings by `make docs`.\n"]
    for module in (gramax, gramax.metrics, gramax.chance, gramax.errorbars, gramax.frames):
        parts.append(f"\n## {module.__name__}\n")
        names = sorted(module.__all__, key=str.lower)
        parts += [_entry(module, name) for name in names if not _elsewhere(module, name)]
    return "".join(parts)


def _elsewhere(module, name: str) -> bool:
    """Whether the name is a package, or a metric that the top of the package shows already."""
    value = getattr(module, name)
    return inspect.ismodule(value) or (module is not gramax and name in gramax.__all__)


def _entry(module, name: str) -> str:
    value = getattr(module, name)
    doc = inspect.getdoc(value)
    if not callable(value):
        return f"\n### `{module.__name__}.{name}`\n"
    if not doc:
        sys.exit(f"{module.__name__}.{name} has no docstring")
    parts = [f"\n### `{module.__name__}.{name}{_signature(value)}`\n\n```text\n{doc}\n```\n"]
    if inspect.isclass(value):
        methods = [(n, m) for n, m in vars(value).items() if not n.startswith("_")]
        for method, member in methods:
            member = member.__func__ if isinstance(member, classmethod) else member
            if inspect.isfunction(member):
                text = f"`{name}.{method}{_signature(member)}`"
                parts.append(f"\n{text}\n\n```text\n{inspect.getdoc(member)}\n```\n")
    return "".join(parts)


def _signature(value) -> str:
    try:
        names = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return ""
    return "(" + ", ".join(str(p.replace(annotation=p.empty)) for p in names) + ")"


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = 0
    for name, text in (("metrics.md", metrics()), ("reference.md", reference())):
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += 1
            print(f"{path.name} is stale: run `make docs`" if check else f"wrote {path.name}")
            if not check:
                path.write_text(text, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
