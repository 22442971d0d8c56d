"""`python -m tests.mutation`: change one operator or number of the numeric core, and run its tests.

cosmic-ray makes the mutants, of the files that `core.toml` lists; each is tested in a copy of the
checkout, by pytest in a fork of a process that has NumPy loaded, on NumPy alone: nothing is
compiled. `SURVIVORS.md` says what lives. `core.toml` also has the reasons, by the text of a line.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORE = tomllib.loads((HERE / "core.toml").read_text(encoding="utf-8"))
SECONDS = 300
"""A mutant that takes longer counts as killed: it loops."""

# Of each operator its opposite; of inequalities also the one that differs at equality alone.
# Others (`<<` for `+` between floats) can only fail, or repeat these.
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Mul_Add|Div_Mul|FloorDiv_Mul|Pow_Mul)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE"
    r"|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is)|ReplaceUnaryOperator_Delete_\w+|AddNot"
    r"|Replace(TrueWithFalse|FalseWithTrue|AndWithOr|OrWithAnd)|NumberReplacer)"
)


DECLARES = {"add", "of_rows", "of_classes", "declares"}
"""Calls that say what a metric is; tests/properties holds what they say against the numbers."""


@dataclass(frozen=True)
class Mutant:
    """One change of one line of a file below src/gramax."""

    file: str
    line: int
    before: str
    after: str
    text: str


def silent(node: ast.AST) -> list[ast.AST | None]:
    """The parts of a node that no number depends on: types, texts, what a metric says of itself."""
    match node:
        case ast.FunctionDef():
            return [node.returns, *node.decorator_list]
        case ast.arg() | ast.AnnAssign():
            return [node.annotation]
        case ast.Raise() | ast.JoinedStr() | ast.keyword(arg="strict" | "frozen"):
            return [node]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in DECLARES:
            return [k.value for k in node.keywords if k.arg not in ("compute", "of_rows")]
        case ast.Assign(targets=[ast.Name(id=name), *_]) if name.isupper():
            return [node]  # sizes of blocks and samples: any gives the same numbers
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
    return []


def mutants(file: str) -> Iterator[Mutant]:
    """All mutants of a file that may change a number."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = (ROOT / "src/gramax" / file).read_text(encoding="utf-8")
    parts = [p for node in ast.walk(ast.parse(source)) for p in silent(node) if p is not None]
    spans = [
        ((p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset))  # type: ignore[attr-defined]
        for p in parts
    ]
    lines = source.splitlines()
    tree = get_ast(source)
    for name in filter(OPERATORS.fullmatch, operator_names()):
        operator = get_operator(name)()
        places = [p for node in ast_nodes(tree) for p in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            if any(low <= start < high for low, high in spans):
                continue
            text = mutate_code(source, operator, occurrence)
            if text is None or not _compiles(text):
                continue
            pairs = zip(lines, text.splitlines(), strict=False)
            before, after = next((a, b) for a, b in pairs if a != b)
            yield Mutant(file, start[0], before.strip(), after.strip(), text)


def _compiles(text: str) -> bool:
    """Whether it is Python: a `*` among arguments is no product."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def start(folders: str) -> None:
    """In each worker: a copy of the checkout to work in, and the heavy imports."""
    global tree
    tree = Path(tempfile.mkdtemp(dir=folders))
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name)
    shutil.copy(ROOT / "pyproject.toml", tree)
    os.chdir(tree)
    sys.path[:0] = [str(tree / "src"), str(tree)]
    import hypothesis  # noqa: F401
    import jax  # noqa: F401
    import numpy as np  # noqa: F401
    import pytest  # noqa: F401


def survives(mutant: Mutant) -> bool:
    """Whether all tests of the file pass with it."""
    path = tree / "src/gramax" / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    try:
        return passes(CORE["tests"][mutant.file])
    finally:
        path.write_text(original, encoding="utf-8")


def passes(tests: list[str]) -> bool:
    """Whether the tests pass, in a fork that imports gramax anew."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        signal.alarm(SECONDS)
        sys.dont_write_bytecode = True
        import pytest

        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
        os._exit(pytest.main([*options, "-k", "not jax and not torch", *tests]))
    return os.waitpid(child, 0)[1] == 0


def page(tried: list[Mutant], alive: list[Mutant], share: float, seed: int) -> str:
    """SURVIVORS.md."""
    run, left = Counter(m.file for m in tried), Counter(m.file for m in alive)
    killed = len(tried) - len(alive)
    lines = [
        "# Mutants of the numeric core that live, and why",
        "",
        "Written by `make mutants`, which changes one operator, comparison or number at a time in",
        "the files that `core.toml` lists, and runs their tests on NumPy. Reasons stand there.",
        f"Of a share of {share:g} of the mutants (seed {seed}), {killed:,} of {len(tried):,} are",
        f"killed: {100 * killed / len(tried):.1f} %.",
        "",
        "| file | mutants | survived |",
        "| --- | ---: | ---: |",
        *(f"| {file} | {run[file]} | {left[file]} |" for file in run),
        "",
    ]
    for mutant in alive:
        why = CORE["reasons"].get(mutant.before, "not explained")
        lines.append(f"- {mutant.file}: `{mutant.before}` → `{mutant.after}`: {why}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=list(CORE["tests"]), help="below src/gramax")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    args = parser.parse_args()
    chosen: list[Mutant] = []
    for file in args.files:
        every = list(mutants(file))
        chosen += random.Random(args.seed).sample(every, round(args.share * len(every)))
    alive = []
    with (
        tempfile.TemporaryDirectory(prefix="gramax-mutants-") as folders,
        ProcessPoolExecutor(2, get_context("fork"), start, (folders,)) as pool,
    ):
        needed = sorted({test for mutant in chosen for test in CORE["tests"][mutant.file]})
        if not pool.submit(passes, needed).result():
            raise SystemExit(f"without a mutant these do not pass: {' '.join(needed)}")
        for mutant, lives in zip(chosen, pool.map(survives, chosen), strict=True):
            print("S" if lives else ".", mutant.file, mutant.line, mutant.after, flush=True)
            alive += [mutant] * lives
    (HERE / "SURVIVORS.md").write_text(page(chosen, alive, args.share, args.seed), encoding="utf-8")


if __name__ == "__main__":
    main()
