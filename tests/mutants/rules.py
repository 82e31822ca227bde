"""Places of a source file that are not behavior and are never changed.

- type annotations and decorators (`frozen=True` guards the programmer, not the visitor);
- f-strings: texts for people;
- logging calls, and conditions that guard nothing else;
- `assert`, and the keywords `strict=` of zip and `maxsize=` of caches: they change no result;
- the `if __name__ == "__main__"` at a file's end.

Docstrings, plain texts and imports contain nothing that an operator changes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Position = tuple[int, int]
Span = tuple[Position, Position]
"""(line from 1, column from 0) of its begin and end."""

QUIET_KEYWORDS = frozenset({"strict", "maxsize"})


def quiet_spans(source: str) -> tuple[Span, ...]:
    """Return the spans of a source text that are never changed."""
    lines = source.splitlines()

    def at(line: int, byte: int) -> Position:
        return line, len(lines[line - 1].encode()[:byte].decode())

    return tuple(
        (at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset))
        for node in _quiet_nodes(ast.parse(source))
    )


def is_quiet(spans: tuple[Span, ...], start: Position) -> bool:
    """Return whether a position lies in one of the spans."""
    return any(begin <= start < end for begin, end in spans)


def _quiet_nodes(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from node.decorator_list
                if node.returns is not None:
                    yield node.returns
            case ast.ClassDef():
                yield from node.decorator_list
            case ast.arg(annotation=ast.expr() as annotation):
                yield annotation
            case ast.AnnAssign():
                yield node.annotation
            case ast.JoinedStr() | ast.Assert():
                yield node
            case ast.Expr() if _is_log(node):
                yield node
            case ast.If(orelse=[]) if all(_is_log(statement) for statement in node.body):
                yield node.test
            case ast.Call():
                yield from (k.value for k in node.keywords if k.arg in QUIET_KEYWORDS)
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                yield node


def _is_log(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
    return False
