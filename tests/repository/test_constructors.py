"""A constructor with more than five parameters takes them by keyword, so that a call says what each one is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tests.support.paths import ROOT

FOLDERS: Final = ("stream/headrace", "schemas/headrace", "producers/headrace")
MOST: Final = 5


def too_long(source: str) -> Iterator[str]:
    """The classes whose constructor takes more than MOST parameters by position."""
    classes = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ClassDef)]
    for each in classes:
        methods = [method for method in each.body if isinstance(method, ast.FunctionDef)]
        for method in methods:
            if method.name == "__init__" and len(method.args.posonlyargs + method.args.args) - 1 > MOST:
                yield each.name


def test_long_constructors_take_keywords() -> None:
    modules = [module for folder in FOLDERS for module in sorted((ROOT / folder).rglob("*.py"))]
    found = {f"{module.name}: {name}" for module in modules for name in too_long(module.read_text())}
    assert found == set(), "put `*, ` before the parameters that have no order of their own"


def test_the_check_finds_long_positional_constructors_only() -> None:
    long, keywords = "self, a, b, c, d, e, f", "self, a, *, b, c, d, e, f"
    source = "".join(f"class {name}:\n def __init__({given}): ...\n" for name, given in (("A", long), ("B", keywords)))
    assert list(too_long(source)) == ["A"]
