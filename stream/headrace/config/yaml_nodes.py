"""Read YAML into JSON's types, and find the line of a value.

A plain scalar is a number, a boolean or null only if JSON writes it so. Every other scalar is text: `NO` is a country,
`007` keeps its zeros, and a time is not a date object. YAML 1.1, which PyYAML follows, would change all of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headrace.errors import Exit, HeadraceError
from headrace.schemas.strict_json import InvalidJsonError, read_json

_JSON: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NULLS: Final = ("", "~")
_MERGE: Final = "<<"
_TOO_DEEP: Final = ("nested too deeply", "nest fewer lists and mappings")


class InvalidYamlError(HeadraceError, ValueError, error_code="HR-310", exit_code=Exit.BUG):
    """A text is not the YAML that Headrace reads. *line* counts from 1, or is 0; *why* contains nothing of the text."""

    def __init__(self, line: int, why: str, remedy: str) -> None:
        super().__init__(f"{why}; {remedy}")
        self.line, self.why, self.remedy = line, why, remedy


class _Loader(yaml.BaseLoader):
    """Composes nodes without types: a tag is one of these three, unless the text writes another one."""

    DEFAULT_SCALAR_TAG = "scalar"  # type: ignore[misc]
    DEFAULT_SEQUENCE_TAG = "sequence"  # type: ignore[misc]
    DEFAULT_MAPPING_TAG = "mapping"  # type: ignore[misc]


def compose(text: str) -> Node:
    """Return the tree of the one document in *text*.

    Raises:
        InvalidYamlError: the text is not YAML, or holds no document or several.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        why, remedy = f"not YAML ({error.problem})", "correct that line"
    except yaml.YAMLError:
        line, why, remedy = 0, "not YAML (a control character)", "remove it, or write it as an escape in quotes"
    except RecursionError:
        line, (why, remedy) = 0, _TOO_DEEP
    else:
        if node is None:
            raise InvalidYamlError(0, "empty", "write its content, or remove it")
        return node
    # raised here, without the caught error as its context, because that error holds the text
    raise InvalidYamlError(line, why, remedy)


def value_of(node: Node) -> Any:
    """Return the value of *node* in JSON's types; numbers are as :func:`headrace.schemas.strict_json.read_json` reads.

    Raises:
        InvalidYamlError: a key occurs twice or is not text, an alias contains itself, or a value has a tag.
    """
    try:
        return _Values().of(node)
    except RecursionError:
        raise InvalidYamlError(0, *_TOO_DEEP) from None


def line_at(root: Node, key: Sequence[str]) -> int:
    """Return the line of *key*, or of the innermost list or mapping that contains it."""
    node, line = root, _line(root)
    for part in key:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


class _Values:
    """Values of nodes; a node with several aliases is converted once."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()

    def of(self, node: Node) -> Any:
        place = id(node)
        if place in self._open:
            _refuse(node, "an alias within the value that it names", "name another value")
        if place not in self._done:
            self._open.add(place)
            self._done[place] = self._convert(node)
            self._open.remove(place)
        return self._done[place]

    def _convert(self, node: Node) -> Any:
        match node:
            case ScalarNode(tag="scalar"):
                return _scalar(node)
            case SequenceNode(tag="sequence"):
                return [self.of(each) for each in node.value]
            case MappingNode(tag="mapping"):
                return self._mapping(node)
            case _:
                _refuse(node, "a tag", "remove it: the form of a value gives its type")

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            name = _name(key)
            if name in own or (name == _MERGE and merged):
                _refuse(key, "the same key twice in one mapping", "remove one of them")
            if name == _MERGE:
                merged = self._merged(value)
            else:
                own[name] = self.of(value)
        return merged | own

    def _merged(self, node: Node) -> dict[str, Any]:
        """Return the entries that `<<` brings in; of several mappings, the first one that has a key gives its value."""
        given = self.of(node)
        found: dict[str, Any] = {}
        for each in given if isinstance(given, list) else [given]:
            if not isinstance(each, dict):
                _refuse(node, "`<<` with something other than a mapping", "name a mapping, such as <<: *base")
            found = each | found
        return found


def _scalar(node: ScalarNode) -> Any:
    text = _text(node)
    if node.style is not None:  # in quotes, or a block of text
        return text
    if text in _NULLS:
        return None
    if not _JSON.fullmatch(text):
        return text
    try:
        return read_json(text)
    except InvalidJsonError as error:
        why = error.why
    _refuse(node, why, "write it in quotes, if it is text")


def _name(key: Node) -> str:
    if not isinstance(key, ScalarNode) or key.tag != "scalar":
        _refuse(key, "a key that is not text", "write a name")
    return _text(key)


def _text(node: ScalarNode) -> str:
    """Return the text of *node*. Two escapes of a surrogate pair, as JSON writes them, are one character."""
    text: str = node.value
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        pass  # raised below, without this error as its context, because this error holds the text
    _refuse(node, "half a surrogate pair", "write the whole character")


def _child(node: Node, part: str) -> tuple[int, Node] | None:
    """Return the line and the value of one entry; entries that `<<` brings in come last."""
    match node:
        case SequenceNode():
            found = node.value[int(part)] if part.isdecimal() and int(part) < len(node.value) else None
            return None if found is None else (_line(found), found)
        case MappingNode():
            return next(((_line(key), value) for key, value in _entries(node) if key.value == part), None)
        case _:
            return None


def _entries(node: MappingNode) -> Iterator[tuple[Node, Node]]:
    yield from node.value
    for key, value in node.value:
        if key.value == _MERGE:
            for each in value.value if isinstance(value, SequenceNode) else [value]:
                yield from _entries(each)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _refuse(node: Node, why: str, remedy: str) -> NoReturn:
    raise InvalidYamlError(_line(node), why, remedy)
