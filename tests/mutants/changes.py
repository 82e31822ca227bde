"""All possible changes of one module."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import parso.tree
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator

from tests.mutants.rules import is_quiet, quiet_spans

COMPARISONS = (
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
)
SUMS = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mul_Add", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul"),
    *("BitOr_BitAnd", "BitAnd_BitOr", "BitOr_Sub"),
)
COSMIC_RAY = (
    *(f"core/ReplaceComparisonOperator_{name}" for name in COMPARISONS),
    *(f"core/ReplaceBinaryOperator_{name}" for name in SUMS),
    "core/ReplaceUnaryOperator_USub_UAdd",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/AddNot",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/ExceptionReplacer",
    "core/ZeroIterationForLoop",
    "core/NumberReplacer",
)
"""cosmic-ray's operators after which a program usually still runs: `a + b` becomes `a - b`, but not
`a << b`, which any test would detect."""


class DropStatement(Operator):
    """Removes a call whose result is unused, or an assignment to existing state."""

    def mutation_positions(self, node):
        if self._droppable(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        assert index == 0
        first = node.get_first_leaf()
        return parso.tree.Leaf("pass", node.start_pos, first.prefix)

    @staticmethod
    def _droppable(node) -> bool:
        if node.parent is None or node.parent.type != "simple_stmt":
            return False
        if node.type == "expr_stmt":
            target, sign = node.children[0], node.children[1]
            if sign.type == "annassign":  # later code needs it
                return False
            return sign.get_code().strip() != "=" or target.type in ("atom_expr", "power")
        if node.type in ("atom_expr", "power"):
            last = node.children[-1]
            return last.type == "trailer" and last.children[0].value == "("
        return False

    @classmethod
    def examples(cls):
        return (Example("def f():\n    g()\n", "def f():\n    pass\n"),)


OPERATORS: dict[str, Operator] = {
    **{name: get_operator(name)() for name in COSMIC_RAY},
    "own/DropStatement": DropStatement(),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place where an operator can change a file: its `occurrence`-th.

    `line` is the text where it begins, and `same` counts the operator's earlier places on such
    lines: other than `occurrence`, both stay as they are when the file is edited elsewhere.
    """

    file: str
    operator: str
    occurrence: int
    line: str
    same: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one file; `before` and `after` are the differing lines."""

    file: str
    line: int
    before: str
    after: str
    mutated: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  ->  {self.after or '(nothing)'}"


def places_of(source: str, file: str, only: str = "") -> Iterator[Place]:
    """Yield all places of a module in definitions that match the pattern `only`."""
    spans, lines = quiet_spans(source), source.splitlines()
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in OPERATORS.items():
        seen: Counter[str] = Counter()
        starts = ((node, start) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (node, start) in enumerate(starts):
            if is_quiet(spans, start):
                continue
            if only and not re.fullmatch(only, ASTQuery(node).get_definition_name() or ""):
                continue
            line = lines[start[0] - 1].strip()
            yield Place(file, name, occurrence, line, seen[line])
            seen[line] += 1


def change_at(source: str, place: Place) -> Change | None:
    """Return the change at a place, None if it is invalid or no change."""
    mutated = mutate_code(source, OPERATORS[place.operator], place.occurrence)
    if mutated is None or mutated == source:
        return None
    try:
        ast.parse(mutated)
    except SyntaxError:
        return None
    return change_between(place.file, source, mutated)


def change_between(file: str, source: str, mutated: str) -> Change:
    """Return the change between two texts of a file."""
    old, new = source.splitlines(), mutated.splitlines()
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    _, a, b, c, d = next(step for step in steps if step[0] != "equal")
    before = " ".join(line.strip() for line in old[a:b])
    after = " ".join(line.strip() for line in new[c:d])
    return Change(file, a + 1, before, after, mutated)
