"""`python -m tests.mutation`: change one operator or number of the numeric core, and run its tests.

cosmic-ray makes the mutants, of the files that `core.toml` lists. Each is tested in a copy
of the checkout, on NumPy alone, so that nothing is compiled. `SURVIVORS.md` says what lives, and
why it may, as far as `core.toml` has reasons, by the text of a line.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

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


def copies(folder: str) -> SimpleQueue[Path]:
    """Two copies of the checkout to work in."""
    trees: SimpleQueue[Path] = SimpleQueue()
    for tree in (Path(folder, "one"), Path(folder, "two")):
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, tree / name)
        shutil.copy(ROOT / "pyproject.toml", tree)
        trees.put(tree)
    return trees


def survives(mutant: Mutant, trees: SimpleQueue[Path]) -> bool:
    """Whether all tests of the file pass with it, in a copy that nobody works in."""
    tree = trees.get()
    path = tree / "src/gramax" / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    try:
        return passes(tree, CORE["tests"][mutant.file])
    finally:
        path.write_text(original, encoding="utf-8")
        trees.put(tree)


def passes(tree: Path, tests: list[str]) -> bool:
    """Whether the tests pass in a copy of the checkout."""
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-k", "not jax and not torch"]
    paths = os.pathsep.join([str(tree / "src"), str(tree)])
    try:
        ended = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", *options, *tests],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


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
    needed = sorted({test for mutant in chosen for test in CORE["tests"][mutant.file]})
    alive = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        trees = copies(folder)
        if not passes(Path(folder, "one"), needed):
            raise SystemExit(f"without a mutant these do not pass: {' '.join(needed)}")
        found = pool.map(lambda mutant: survives(mutant, trees), chosen)
        for mutant, lives in zip(chosen, found, strict=True):
            print("S" if lives else ".", mutant.file, mutant.line, mutant.after, flush=True)
            alive += [mutant] * lives
    (HERE / "SURVIVORS.md").write_text(page(chosen, alive, args.share, args.seed), encoding="utf-8")


if __name__ == "__main__":
    main()
