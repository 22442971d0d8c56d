"""Write docs/metrics.md from the registry and docs/reference.md from the docstrings: `make docs`.

With `--check`, change nothing and exit with 1 where a file is not what the code says.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import itertools
import pprint
import re
import sys
from pathlib import Path

import gramax.chance
import gramax.errorbars

import gramax
import gramax.audits.headline
import gramax.audits.report
import gramax.audits.run_log
import gramax.audits.run_reader
import gramax.audits.snapshot
import gramax.errors
import gramax.frames
import gramax.metrics
import gramax.render.plots
import gramax.training
import gramax.training.sinks
from gramax.metrics.registry import METRICS, QUESTIONS

DOCS = Path(__file__).parent
MODULES = (
    gramax,
    gramax.audits.report,
    gramax.metrics,
    gramax.chance,
    gramax.errorbars,
    gramax.frames,
    gramax.training,
    gramax.training.sinks,
    gramax.audits.run_log,
    gramax.audits.run_reader,
    gramax.audits.snapshot,
    gramax.render.plots,
    gramax.errors,
)
CALLED = re.compile(r"on_|teardown$|_(?!_init__$)")
"""Methods of an adapter that are not for the reader: private, or the framework's to call."""

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
    for module in MODULES:
        parts.append(f"\n## {module.__name__}\n")
        names = sorted(module.__all__, key=str.lower)
        parts += [_entry(module, name) for name in names if not _elsewhere(module, name)]
        if module is gramax.training:
            parts += [_adapter(path) for path in adapters()]
    return "".join(parts)


def adapters() -> list[Path]:
    """The files that need a framework: they are read, not imported, for it may be missing."""
    folder = Path(inspect.getfile(gramax.training)).parent
    return [path for path in sorted(folder.glob("*.py")) if "= need(" in path.read_text("utf-8")]


def _elsewhere(module, name: str) -> bool:
    """Whether the name is a package, or a metric that the top of the package shows already."""
    value = getattr(module, name)
    if inspect.ismodule(value):
        return True
    return module is not gramax and name in gramax.__all__ and getattr(gramax, name) is value


def _entry(module, name: str) -> str:
    value = getattr(module, name)
    title = f"{module.__name__}.{name}"
    if not callable(value):
        return _constant(module, name, title)
    parts = [_told(f"### `{title}{_signature(value)}`", inspect.getdoc(value), title)]
    if inspect.isclass(value) and not _is_error(value):
        for method, member in vars(value).items():
            parts.append(_member(name, method, member))
    return "".join(parts)


def _constant(module, name: str, title: str) -> str:
    """A constant with its value, and what stands as a string below it where it is defined."""
    if name.startswith("_"):
        return f"\n### `{title}`\n"
    shown = pprint.pformat(getattr(module, name), sort_dicts=False, width=90)
    for line, below in itertools.pairwise(
        ast.parse(inspect.getsource(gramax.audits.headline)).body
    ):
        if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == name:
            assert isinstance(below, ast.Expr)
            return _told(f"### `{title}`", f"{ast.literal_eval(below.value)}\n\n{shown}", title)
    sys.exit(f"{title} has no text below it in gramax.audits.headline")


def _member(of: str, name: str, member) -> str:
    """A method or property of a class; how it is made, where that is told by hand."""
    if isinstance(member, property) and not name.startswith("_"):
        return _told(f"`{of}.{name}`", inspect.getdoc(member), f"{of}.{name}")
    member = member.__func__ if isinstance(member, classmethod) else member
    if not inspect.isfunction(member) or (name.startswith("_") and name != "__init__"):
        return ""
    doc = inspect.getdoc(member)
    if name == "__init__":  # its signature is that of the class; data classes write none
        return _told("", doc, of) if member.__doc__ else ""
    return _told(f"`{of}.{name}{_signature(member, bound=1)}`", doc, f"{of}.{name}")


def _told(title: str, doc: str | None, name: str) -> str:
    if not doc:
        sys.exit(f"{name} has no docstring")
    return f"\n{title}\n\n```text\n{doc}\n```\n" if title else f"\n```text\n{doc}\n```\n"


def _signature(value, bound: int = 0) -> str:
    """The signature without types; without `self` or `cls` where it is bound."""
    if getattr(value, "_is_protocol", False) or _is_error(value):
        return ""
    found = inspect.signature(value)
    names = [name.replace(annotation=name.empty) for name in found.parameters.values()]
    return str(found.replace(parameters=names[bound:], return_annotation=found.empty))


def _is_error(value) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _adapter(path: Path) -> str:
    """An adapter's public names; what only the framework calls (`on_…`) is left out."""
    module = f"gramax.training.{path.stem}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = [f"\n## {module}\n\n{ast.get_docstring(tree)}\n"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            title = f"{module}.{node.name}"
            parts.append(_told(f"### `{title}{_written(node)}`", ast.get_docstring(node), title))
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not CALLED.match(method.name):
                    parts.append(_method(node.name, method))
    return "".join(parts)


def _method(of: str, method: ast.FunctionDef) -> str:
    title = "" if method.name == "__init__" else f"`{of}.{method.name}{_written(method, 1)}`"
    return _told(title, ast.get_docstring(method), f"{of}.{method.name}")


def _written(node: ast.FunctionDef | ast.ClassDef, bound: int = 0) -> str:
    """The signature as it is written, without types; of a class that of its `__init__`."""
    if isinstance(node, ast.ClassDef):
        (made,) = (d for d in node.body if isinstance(d, ast.FunctionDef) and d.name == "__init__")
        return _written(made, 1)
    arguments = node.args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    arguments.args = arguments.args[bound:]
    return f"({ast.unparse(arguments)})"


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
