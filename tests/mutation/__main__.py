"""`python -m tests.mutation`: change one operator or number of the numeric core, and run its tests.

cosmic-ray makes the mutants, of the files that `core.toml` lists. Each is tested in a copy
of the checkout, on NumPy alone, so that nothing is compiled. `SURVIVORS.md` says what lives; the
reasons that stand there, why it may, are kept when it is written anew.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import random
import re
import shutil
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.running import passes

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORE = tomllib.loads((HERE / "core.toml").read_text(encoding="utf-8"))
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
        case ast.Assign(targets=[target]) if ast.unparse(target).isupper():
            return [node]  # sizes of blocks and samples: any gives the same numbers
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
    return []


def mutants(file: str, share: float, seed: int) -> Iterator[Mutant]:
    """A share of the mutants of a file that may change a number, drawn at random."""
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
    operators = [get_operator(name)() for name in operator_names() if OPERATORS.fullmatch(name)]
    every = []
    for first, last in statements(source):  # one at a time: each change parses its own alone
        nodes = list(ast_nodes(get_ast("\n".join(lines[first:last]) + "\n")))
        for operator in operators:
            places = [place for node in nodes for place in operator.mutation_positions(node)]
            for occurrence, ((line, column), _) in enumerate(places):
                start = line + first, column
                if not any(low <= start < high for low, high in spans):
                    every.append((operator, occurrence, start[0], first, last))
    for operator, occurrence, line, first, last in random.Random(seed).sample(
        every, round(share * len(every))
    ):
        changed = mutate_code("\n".join(lines[first:last]) + "\n", operator, occurrence)
        if changed is None:
            continue
        text = "\n".join([*lines[:first], *changed.splitlines(), *lines[last:], ""])
        if _compiles(text):
            pairs = zip(lines, text.splitlines(), strict=False)
            before, after = next((a, b) for a, b in pairs if a != b)
            yield Mutant(file, line, before.strip(), after.strip(), text)


def statements(source: str) -> Iterator[tuple[int, int]]:
    """The lines of each statement of a module, as a slice; decorators belong to theirs."""
    for node in ast.parse(source).body:
        above = [d.lineno for d in getattr(node, "decorator_list", ())]
        yield min([node.lineno, *above]) - 1, node.end_lineno or node.lineno


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
        for name in ("benchmarks", "docs"):  # which tests read or import
            (tree / name).symlink_to(ROOT / name)
        trees.put(tree)
    return trees


def survives(mutant: Mutant, trees: SimpleQueue[Path], last: float) -> bool | None:
    """Whether all tests of the file pass with it, in a copy that nobody works in; late, None."""
    if time.monotonic() > last:
        return None
    tree = trees.get()
    path = tree / "src/gramax" / mutant.file
    original, written = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(mutant.text, encoding="utf-8")
    try:
        return passes(tree, CORE["tests"][mutant.file])
    finally:
        path.write_text(original, encoding="utf-8")
        os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))  # its bytecode holds again
        trees.put(tree)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in percent."""
    z2 = 1.96**2
    middle = (hits + z2 / 2) / (n + z2)
    half = 1.96 / (n + z2) * math.sqrt(hits * (n - hits) / n + z2 / 4)
    return 100 * (middle - half), 100 * (middle + half)


def page(tried: list[Mutant], alive: list[Mutant], args: argparse.Namespace, old: str) -> str:
    """SURVIVORS.md, with the reasons of the page as it was."""
    run, left = Counter(m.file for m in tried), Counter(m.file for m in alive)
    killed = len(tried) - len(alive)
    low, high = interval(killed, len(tried))
    lines = [
        "# Mutants of the numeric core that live, and why",
        "",
        "Written by `make mutants`, which changes one operator, comparison or number at a time in",
        "the files that `core.toml` lists, and runs their tests on NumPy. Reasons are written",
        "here, after the colon; a later run keeps them for the lines that still survive.",
        "",
        f"`python -m tests.mutation --share {args.share:g} --seed {args.seed}`: of a sample of",
        f"{len(tried):,} mutants {killed:,} are killed, {100 * killed / len(tried):.1f} %",
        f"(95 % interval: {low:.1f} to {high:.1f} %).",
        "",
        "| file | mutants | survived |",
        "| --- | ---: | ---: |",
        *(f"| {file} | {run[file]} | {left[file]} |" for file in CORE["tests"] if run[file]),
        "",
    ]
    reasons = dict(re.findall(r"^(- .+`): (.+)$", old, re.MULTILINE))
    for mutant in sorted(alive, key=lambda mutant: (mutant.file, mutant.line)):
        told = f"- {mutant.file}: `{mutant.before}` → `{mutant.after}`"
        lines.append(f"{told}: {reasons.get(told, 'not explained')}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=list(CORE["tests"]), help="below src/gramax")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after them")
    args = parser.parse_args()
    chosen = [m for file in args.files for m in mutants(file, args.share, args.seed)]
    random.Random(args.seed).shuffle(chosen)  # those tried when time is up are a sample of all
    last = time.monotonic() + 60 * args.minutes
    tried, alive = [], []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        trees = copies(folder)
        needed = sorted({test for mutant in chosen for test in CORE["tests"][mutant.file]})
        if not passes(Path(folder, "one"), needed):
            said = Path(folder, "one", "said.txt").read_text(encoding="utf-8")
            raise SystemExit(f"without a mutant the tests do not pass:\n{said}")
        found = pool.map(lambda mutant: survives(mutant, trees, last), chosen)
        for mutant, lives in zip(chosen, found, strict=True):
            if lives is None:
                break
            print(
                "S" if lives else ".",
                mutant.file,
                mutant.line,
                mutant.before,
                "→",
                mutant.after,
                flush=True,
            )
            tried.append(mutant)
            alive += [mutant] * lives
    path = HERE / "SURVIVORS.md"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(page(tried, alive, args, old), encoding="utf-8")


if __name__ == "__main__":
    main()
