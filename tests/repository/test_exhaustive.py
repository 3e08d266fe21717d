"""Every match on an enum says what it does with each member: a member that is added later has no silent default."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

MODULES = sorted(path for folder in ("schemas", "stream", "producers") for path in (ROOT / folder).rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in MODULES}
ENUMS = {
    node.name
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef)
    and {base.id for base in node.bases if isinstance(base, ast.Name)} & {"Enum", "StrEnum", "IntEnum"}
}


def _names_a_member(pattern: ast.pattern) -> bool:
    """Whether a member of an enum is in *pattern*, also within a tuple, a class or an alternative."""
    values = [each.value for each in ast.walk(pattern) if isinstance(each, ast.MatchValue)]
    owners = [value.value for value in values if isinstance(value, ast.Attribute)]
    return any(isinstance(owner, ast.Name) and owner.id in ENUMS for owner in owners)


def _ends_in_assert_never(match: ast.Match) -> bool:
    last = match.cases[-1]
    (statement, *more) = last.body
    return (
        isinstance(last.pattern, ast.MatchAs)
        and last.pattern.pattern is None
        and last.guard is None
        and not more
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "assert_never"
    )


def _enum_matches(tree: ast.AST) -> Iterator[ast.Match]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Match) and any(_names_a_member(case.pattern) for case in node.cases):
            yield node


def test_every_match_on_an_enum_ends_in_assert_never() -> None:
    found = [(path, match) for path, tree in TREES.items() for match in _enum_matches(tree)]

    assert len(found) >= 10
    assert [
        f"{path.relative_to(ROOT)}:{match.lineno}" for path, match in found if not _ends_in_assert_never(match)
    ] == []


@pytest.mark.parametrize(
    ("code", "good"),
    [
        ("match mask:\n case Mask.REDACT:\n  pass\n case _:\n  assert_never(mask)", True),
        ("match mask:\n case Mask.REDACT:\n  pass\n case _:\n  pass", False),
        ("match mask:\n case Mask.REDACT | Mask.OMIT:\n  pass", False),
        ("match mask:\n case Mask.REDACT:\n  pass\n case other:\n  pass", False),
        ("match mask, size:\n case Mask.REDACT, 1:\n  pass\n case _:\n  pass", False),
        ("match pii:\n case Pii(mask=Mask.REDACT):\n  pass\n case _:\n  pass", False),
    ],
)
def test_the_check_finds_a_match_without_assert_never(code: str, good: bool) -> None:
    (match,) = _enum_matches(ast.parse(code))
    assert _ends_in_assert_never(match) is good
