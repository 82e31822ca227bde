"""Rules for the source of every module."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.support.paths import ROOT

PACKAGES = ("pixelopolis", "car", "server", "station", "sim", "training")
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
    for folder in (*PACKAGES, "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a module's statement binds, without imports."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign(targets=targets):
            for node in (node for target in targets for node in ast.walk(target)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def array_names() -> set[str]:
    """Return the names of all array types: numpy's, and modules' aliases."""
    names = {"NDArray", "ndarray"}
    for module in MODULES.values():
        for statement in module.body:
            if isinstance(statement, ast.Assign) and re.match(
                r"(np\.|numpy\.)?(NDArray|ndarray)\b", ast.unparse(statement.value)
            ):
                names.update(bound(statement))
    return names


ARRAYS = array_names()


def holds_array(annotation: ast.expr) -> bool:
    """Return whether a value of this type is or contains an array; a function does not."""
    if isinstance(annotation, ast.Subscript):
        name = ast.unparse(annotation.value)
        return name in ARRAYS or (name != "Callable" and holds_array(annotation.slice))
    if isinstance(annotation, ast.Name | ast.Attribute):
        return ast.unparse(annotation).rpartition(".")[2] in ARRAYS
    return any(
        holds_array(node) for node in ast.iter_child_nodes(annotation) if isinstance(node, ast.expr)
    )


def compared_by_value(found: ast.ClassDef) -> bool:
    if any(isinstance(item, ast.FunctionDef) and item.name == "__eq__" for item in found.body):
        return False
    if any(ast.unparse(base).endswith("NamedTuple") for base in found.bases):
        return True
    marks = [text for d in found.decorator_list if "dataclass" in (text := ast.unparse(d))]
    return any("eq=False" not in text for text in marks)


def test_types_of_arrays_are_known_by_their_names() -> None:
    assert {"NDArray", "FloatArray", "Image", "Labels", "Floats", "Bytes"} <= ARRAYS


def test_no_module_binds_a_name_twice() -> None:
    for name, module in MODULES.items():
        counts = Counter(n for statement in module.body for n in bound(statement))
        assert [n for n, count in counts.items() if count > 1] == [], name


def test_what_holds_arrays_is_not_compared_by_value() -> None:
    """Comparing arrays gives an array, whose truth is an error: `Frame == Frame` would raise."""
    wrong = [
        f"{name}: {found.name}.{ast.unparse(field.target)}"
        for name, module in MODULES.items()
        for found in ast.walk(module)
        if isinstance(found, ast.ClassDef) and compared_by_value(found)
        for field in found.body
        if isinstance(field, ast.AnnAssign) and holds_array(field.annotation)
    ]
    assert wrong == []


def test_constants_of_modules_are_final() -> None:
    """mypy then refuses reassignment; several targets of one assignment cannot be marked."""
    loose = [
        f"{name}: {target.id}"
        for name, module in MODULES.items()
        if name.startswith(PACKAGES)
        for statement in module.body
        for target, annotation in marked(statement)
        if target.id.isupper() and not annotation.startswith("Final")
    ]
    assert loose == []


def marked(statement: ast.stmt) -> Iterator[tuple[ast.Name, str]]:
    """Yield the name that an assignment binds and its annotation; not of type variables."""
    match statement:
        case ast.Assign(targets=[ast.Name() as target], value=value):
            if "TypeVar" not in ast.unparse(value):
                yield target, ""
        case ast.AnnAssign(target=ast.Name() as target, annotation=annotation):
            yield target, ast.unparse(annotation)
