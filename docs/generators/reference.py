"""The reference: every public name with its signature and docstring, one page a room."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import pprint
import re
import sys
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

from docs.generators.markdown import docstring, signature_block, signature_of

import gramax

CALLED_BY_THE_FRAMEWORK = re.compile(r"on_|teardown$|_(?!_init__$)")
"""Methods of an adapter that a reader does not call: private ones and the framework's hooks."""

NEEDS_FRAMEWORK = re.compile(r"^\w+.*= need\(", re.MULTILINE)
"""A package that is asked for as the file is imported."""

ADAPTERS = "adapters"
"""Stands in a `Page` for the files that need a framework."""


@dataclass(frozen=True)
class Page:
    """One page of the reference.

    Attributes:
        name: of the file in docs/reference, without its ending.
        title: of the page.
        intro: what a reader finds here.
        modules: whose public names are shown, by the names under which a reader imports them.
    """

    name: str
    title: str
    intro: str
    modules: tuple[str, ...]


PAGES = (
    Page(
        "gramax",
        "The top of the package",
        "What `import gramax` gives: the audit, the comparison, the moments and the functions that "
        "are used most.",
        ("gramax", "gramax.errors"),
    ),
    Page(
        "metrics",
        "Metrics as functions",
        "Every metric as a function of arrays. What each number means, its formula and its source "
        "are told on the page [Metrics](../metrics.md).",
        ("gramax.metrics",),
    ),
    Page(
        "frames",
        "Floors and codebooks",
        "Lower bounds of crosstalk, constructions that attain them, and the search for packings.",
        ("gramax.frames",),
    ),
    Page(
        "uncertainty",
        "Chance and error bars",
        "What a number would be by pure chance, and how far it would move with other rows.",
        ("gramax.chance", "gramax.errorbars"),
    ),
    Page(
        "audits",
        "Reports and the log of a run",
        "What an audit returns, and the audits of a training run as they are written and read.",
        (
            "gramax.audits.report",
            "gramax.audits.run_log",
            "gramax.audits.run_reader",
            "gramax.audits.snapshot",
        ),
    ),
    Page(
        "training",
        "Training loops and loggers",
        "The adapters for training frameworks, and the sinks that write audits to loggers. "
        "[In the training loop](../training.md) shows them at work.",
        ("gramax.training", ADAPTERS, "gramax.training.sinks"),
    ),
    Page(
        "plots",
        "Pictures",
        "The functions that draw a report with matplotlib.",
        ("gramax.render.plots",),
    ),
)

INDEX_INTRO = """# Reference

Every public name of gramax, made from the docstrings by `make docs`, one page for each part of the
package. The commands have [a page of their own](../commands.md).

"""


def pages() -> dict[str, str]:
    """The text of every page of the reference, by its path in docs/."""
    index = INDEX_INTRO + "".join(
        f"- [{page.title}]({page.name}.md): {page.intro[0].lower()}{page.intro[1:]}\n"
        for page in PAGES
    )
    names = "\n".join(page.name for page in PAGES)
    index += f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{names}\n```\n"
    return {"reference/index.md": index} | {
        f"reference/{page.name}.md": _page(page) for page in PAGES
    }


def _page(page: Page) -> str:
    parts = [f"# {page.title}\n\n{page.intro}\n"]
    for module in page.modules:
        parts += map(_adapter, adapters()) if module == ADAPTERS else [_module(module)]
    return "".join(parts)


def _module(name: str) -> str:
    module = _find(name)
    names = sorted(module.__all__, key=str.lower)
    entries = [_entry(module, name, one) for one in names if not _is_elsewhere(module, name, one)]
    return f"\n## {name}\n" + "".join(entries)


def _find(name: str) -> Any:
    """A module by the name that a reader uses, which may be an attribute of the package."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return reduce(getattr, name.split(".")[1:], gramax)


def _is_elsewhere(module: Any, module_name: str, name: str) -> bool:
    """Whether the name is a package, or is shown at the top of the package already."""
    value = getattr(module, name)
    if inspect.ismodule(value):
        return True
    if module_name == "gramax":
        return False
    return name in gramax.__all__ and getattr(gramax, name) is value


def _entry(module: Any, module_name: str, name: str) -> str:
    value, title = getattr(module, name), f"{module_name}.{name}"
    if not callable(value):
        return _constant(module, name, title)
    signature = "" if _has_no_signature(value) else signature_of(value)
    parts = [_told(f"### `{title}`", title, signature, inspect.getdoc(value))]
    if inspect.isclass(value) and not _is_error(value):
        # What a result has by its base (`to_dict`) is its own to whoever reads it.
        bases = [one for one in value.__mro__[:0:-1] if dataclasses.is_dataclass(one)]
        members = {
            method: member for one in (*bases, value) for method, member in vars(one).items()
        }
        parts += [_member(name, method, member) for method, member in members.items()]
    return "".join(parts)


def _has_no_signature(value: Any) -> bool:
    return getattr(value, "_is_protocol", False) or _is_error(value)


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _constant(module: Any, name: str, title: str) -> str:
    """A constant: the string that stands below it where it is defined, and its value."""
    if name.startswith("_"):
        return f"\n### `{title}`\n\nThe version of the package, as a string.\n"
    shown = pprint.pformat(getattr(module, name), sort_dicts=False, width=80)
    for line, below in itertools.pairwise(ast.parse(_source_of(module, name)).body):
        target = line.target if isinstance(line, ast.AnnAssign) else None
        targets = line.targets if isinstance(line, ast.Assign) else [target]
        if name in [ast.unparse(one) for one in targets if one]:
            assert isinstance(below, ast.Expr)
            text = docstring(inspect.cleandoc(ast.literal_eval(below.value)))
            return f"\n### `{title}`\n\n{text}\n```text\n{shown}\n```\n"
    return sys.exit(f"{title} has no text below it where it is defined")


def _source_of(module: Any, name: str) -> str:
    """The source of the module that defines the constant `name`, which `module` may import."""
    source = inspect.getsource(module)
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and name in [one.name for one in node.names]:
            assert node.module is not None
            return inspect.getsource(import_module(node.module))
    return source


def _member(of: str, name: str, member: Any) -> str:
    """A method or property of a class, and `__init__` where it has a docstring of its own."""
    if isinstance(member, property) and not name.startswith("_"):
        return _told(f"#### `{of}.{name}`", f"{of}.{name}", "", inspect.getdoc(member))
    member = member.__func__ if isinstance(member, classmethod) else member
    if not inspect.isfunction(member) or (name.startswith("_") and name != "__init__"):
        return ""
    if name == "__init__":  # its signature is that of the class; data classes write no docstring
        return f"\n{docstring(inspect.getdoc(member) or '')}" if member.__doc__ else ""
    title = f"{of}.{name}"
    return _told(f"#### `{title}`", title, signature_of(member, bound=1), inspect.getdoc(member))


def _told(heading: str, title: str, signature: str, doc: str | None) -> str:
    if not doc:
        sys.exit(f"{title} has no docstring")
    block = f"{signature_block(title, signature)}\n" if signature else ""
    return f"\n{heading}\n\n{block}{docstring(doc)}"


def adapters() -> list[Path]:
    """The files that need a framework. They are read and not imported: it may be missing here."""
    folder = Path(inspect.getfile(import_module("gramax.training"))).parent
    files = sorted(folder.glob("*.py"))
    return [path for path in files if NEEDS_FRAMEWORK.search(path.read_text("utf-8"))]


def _adapter(path: Path) -> str:
    """An adapter's public names; what only the framework calls is left out."""
    module = f"gramax.training.{path.stem}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = [f"\n## {module}\n\n{docstring(ast.get_docstring(tree) or '')}"]
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        title = f"{module}.{node.name}"
        doc = ast.get_docstring(node)
        parts.append(_told(f"### `{title}`", title, _written_signature(node), doc))
        if isinstance(node, ast.ClassDef):
            parts += [_method(node.name, one) for one in node.body if _is_shown(one)]
    return "".join(parts)


def _is_shown(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and not CALLED_BY_THE_FRAMEWORK.match(node.name)


def _method(of: str, method: Any) -> str:
    doc = ast.get_docstring(method)
    if method.name == "__init__":
        return f"\n{docstring(doc)}" if doc else ""
    title = f"{of}.{method.name}"
    return _told(f"#### `{title}`", title, _written_signature(method, 1), doc)


def _written_signature(node: ast.FunctionDef | ast.ClassDef, bound: int = 0) -> str:
    """The signature as it is written, without types; of a class that of its `__init__`."""
    if isinstance(node, ast.ClassDef):
        (init,) = (d for d in node.body if isinstance(d, ast.FunctionDef) and d.name == "__init__")
        return _written_signature(init, 1)
    arguments = node.args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    arguments.args = arguments.args[bound:]
    return f"({ast.unparse(arguments)})"
