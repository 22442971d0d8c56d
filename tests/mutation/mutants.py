"""Which mutants of the numeric core are worth a run, and a sample of them.

Left out, because no test of numbers could or should tell them from the code:

- replacements that can only fail (`<<` for `+` between floats) or repeat another one: of the twelve
  binary and eight comparison operators each is replaced by its opposite and, where it is an
  inequality, by the one that differs at equality alone;
- annotations and type aliases, which are never evaluated; docstrings hold nothing that is mutated;
- the texts of errors (all of `raise`), of warnings, of conditions and of notebook views;
- what a metric declares of itself (`@declares(...)`): tests/properties hold it to the numbers;
- decorators that only make code fast or its types known (`FAST`), and `static_argnums`, of which
  there are none without jit;
- `axis=-1` and `shape[-1]`: the last axis of a matrix is its axis 1;
- `scatter=False`, which spares what no number of the function needs;
- sizes of blocks, tiles and samples (`SIZES`): any size gives the same numbers, by design;
- functions that choose how a number is found, not what it is (`WAYS`);
- `frozen=True` and `strict=True`, which catch mistakes of whoever edits the code;
- the 1 that stands for a divisor, or under a root or logarithm, where there is none
  (`a / where(b > 0, b, 1)`): what comes of it is 0 or dropped.
"""

from __future__ import annotations

import ast
import random
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec, WorkItem

OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Mul_Add|Div_Mul|FloorDiv_Mul"
    r"|Mod_FloorDiv|Pow_Mul|LShift_RShift|RShift_LShift|BitOr_BitAnd|BitAnd_BitOr|BitXor_BitAnd)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE"
    r"|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is)|ReplaceUnaryOperator_Delete_\w+|AddNot"
    r"|Replace(TrueWithFalse|FalseWithTrue|AndWithOr|OrWithAnd)"
    r"|Replace(BreakWithContinue|ContinueWithBreak)|NumberReplacer|RemoveDecorator"
    r"|ZeroIterationForLoop|ExceptionReplacer)"
)
FAST = re.compile(r"jit|program|lru_cache|checkpoint|overload|static_arg")
SIZES = {
    *("BLOCK", "WIDE_BLOCK", "ALIGNED", "TERMS", "TILE", "WIDE_TILE", "AXES", "SAMPLE", "TRIALS"),
    *("ROWS", "SPARE", "CLOSE", "CLOSE_UNITS"),
    *("FEW_VALUES", "QUICK", "SMALL", "STARTS", "ROUNDS", "SECONDS", "MAX_ORDER", "DECOMPOSITIONS"),
    *("MOST", "BUDGET", "DEAR_BUDGET", "CHEAP", "FEWEST", "DRAWS", "MEMORY", "BLOCKS"),
}
WAYS = {
    "_hash",  # any: rows whose hashes are equal are compared
    "leading_axes",  # any: the bound that is made with them holds for all
    "shard_groups",  # any number of groups of rows has the same sums
    "_worth_a_screen",  # a screen spares work and changes no number
    "_worth_leading_axes",  # so does a second one
    "_worth_asking",  # and so does each time that one is asked
}
Span = tuple[tuple[int, int], tuple[int, int]]


def _span(node: ast.AST) -> Span:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore


def _silent(node: ast.AST) -> list[ast.AST | None]:
    """The parts of a node that no number depends on."""
    match node:
        case ast.FunctionDef():
            body = [node] if node.name in WAYS | {"_repr_html_"} else []
            return [node.returns, *body, *(d for d in node.decorator_list if _fast(d))]
        case ast.arg() | ast.AnnAssign():
            return [node.annotation]
        case ast.Raise() | ast.JoinedStr() | ast.keyword(arg="frozen" | "strict" | "scatter"):
            return [node]
        case ast.keyword(arg="static_argnums" | "static_argnames"):
            return [node]
        case ast.keyword(arg="axis", value=ast.UnaryOp() as last):
            return [last]
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.UnaryOp() as last):
            return [last]
        case ast.BinOp(op=ast.Div(), right=divisor):
            return _stand_in(divisor)
        case ast.Call(func=ast.Attribute(attr="sqrt" | "log" | "log2"), args=[argument]):
            return _stand_in(argument)
        case ast.Call() if any(k.arg == "meaning" for k in node.keywords):
            return [k.value for k in node.keywords if k.arg != "compute"]
        case ast.Call(func=ast.Name(id="Condition")):
            return list(node.args[2:])
        case ast.Assign(targets=[target], value=value):
            names = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
            alias = isinstance(value, ast.Subscript | ast.BinOp) and not any(
                isinstance(n, ast.Call | ast.Constant) and getattr(n, "value", "") is not None
                for n in ast.walk(value)
            )
            return [node] if names <= SIZES or (alias and node.col_offset == 0) else []
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
    return []


def _stand_in(node: ast.AST) -> list[ast.AST | None]:
    """The 1 of `where(there, x, 1)`, or of a product or power of such."""
    match node:
        case ast.BinOp(op=ast.Mult() | ast.Pow(), left=left, right=right):
            return [*_stand_in(left), *_stand_in(right)]
        case ast.Call(func=ast.Attribute(attr="where"), args=[_, _, ast.Constant(value=1) as one]):
            return [one]
    return []


def _fast(decorator: ast.AST) -> bool:
    return bool(FAST.search(ast.unparse(decorator)))


def silent_spans(source: str) -> list[Span]:
    """Where in a file nothing is mutated."""
    tree = ast.parse(source)
    return [_span(part) for node in ast.walk(tree) for part in _silent(node) if part is not None]


def operations(source: str) -> list[Span]:
    """Where binary operators stand: a `*` among parameters or arguments is none of them."""
    nodes = list(ast.walk(ast.parse(source)))
    binary = [(n.left, n.right) for n in nodes if isinstance(n, ast.BinOp)]
    binary += [(n.target, n.value) for n in nodes if isinstance(n, ast.AugAssign)]
    return [(_span(left)[1], _span(right)[0]) for left, right in binary]


def every(path: Path) -> Iterator[WorkItem]:
    """All mutants of a file that count; each is named by the text of the file and what changes."""
    source = path.read_text()
    lines, spans, binary = source.splitlines(), silent_spans(source), operations(source)

    def at(position: tuple[int, int]) -> tuple[int, int]:
        """Columns in UTF-8 bytes, as `ast` counts them."""
        line, column = position
        return line, len(lines[line - 1][:column].encode()) if line <= len(lines) else column

    tree = get_ast_from_path(path)
    for name in filter(OPERATORS.fullmatch, operator_names()):
        operator = get_operator(name)()
        places = (p for node in ast_nodes(tree) for p in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            first = at(start)
            if name.endswith("RemoveDecorator"):
                first = first[0], first[1] + 1  # after the @
            if any(low <= first < high for low, high in spans):
                continue
            if "BinaryOp" in name and not any(low <= first < high for low, high in binary):
                continue
            mutation = MutationSpec(path, name, occurrence, start, end)
            identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{path} {name} {occurrence}\n{source}")
            yield WorkItem.single(identity.hex, mutation)


def sample(items: list[WorkItem], share: float, seed: int) -> list[WorkItem]:
    """A share of the mutants of one file, the same for the same seed; a larger one holds it."""
    shuffled = random.Random(seed).sample(items, len(items))
    return shuffled[: max(1, round(share * len(items)))]
