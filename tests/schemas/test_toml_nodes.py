"""Values of a TOML file are found where they are written."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.source_nodes import Node, find
from headrace.schemas.toml_nodes import read_toml

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)


def written(value: Any, gap: str) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {written(each, gap)}" for key, each in value.items()) + "}"
        case list():
            return f"[{gap}" + f",{gap}".join(written(each, gap) for each in value) + f"{gap}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def plain(node: Node, like: Any) -> Any:
    """The value of a node, with numbers and booleans as they are written."""
    match like:
        case dict():
            assert node.members.keys() == like.keys()
            return {key: plain(node.members[key], each) for key, each in like.items()}
        case list():
            return [plain(node, each) for node, each in zip(node.items, like, strict=True)]
        case str():
            return node.value
        case _:
            return json.loads(node.value)


@given(
    DOCUMENTS, DOCUMENTS, st.lists(DOCUMENTS, min_size=1, max_size=3), st.sampled_from(["", " ", "\n  # ] } = [\n  "])
)
def test_any_document_is_read_with_the_line_of_each_key(
    outer: dict[str, Any], table: dict[str, Any], listed: list[dict[str, Any]], gap: str
) -> None:
    lines = [f"{json.dumps(key)} = {written(value, gap)}  # x = 1" for key, value in outer.items()]
    lines += ["[it.'a.b'.\"c\"]", *(f"{json.dumps(key)} = {written(value, gap)}" for key, value in table.items())]
    for each in listed:
        lines += ["[[them]]", *(f"{json.dumps(key)} = {written(value, gap)}" for key, value in each.items())]
    text = "\n".join(lines)
    try:
        like = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # a key of the first pairs is the name of a table
        return

    root = read_toml(text)

    assert plain(root, like) == like
    for key in outer:
        assert text.startswith(json.dumps(key), root.members[key].start)
    for key in table:
        assert text.startswith(json.dumps(key), root.members["it"].members["a.b"].members["c"].members[key].start)
    for node in root.members["them"].items:
        assert text.startswith("[[them]]", node.start)


@given(st.text("[]{}=\"'#\\\n,. ab1", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        find(read_toml(text), ["a", "b"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('it = """a\n"" \\" ]"""', 'a\n"" " ]'),
        ("it = '''a\n'' ]'''", "a\n'' ]"),
        ("it = 'a\\'", "a\\"),
        ('it = "\\u00e9\\""', 'é"'),
    ],
)
def test_each_form_of_a_text_is_read(text: str, value: str) -> None:
    assert read_toml(f"{text}\nnext = 1").members["it"].value == value
    assert read_toml(f"{text}\nnext = 1").members["next"].value == "1"
