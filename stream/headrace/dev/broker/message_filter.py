"""Filters of subscriptions: the documented grammar, as a function of a message's attributes.

A filter has terms: ``attributes:KEY``, ``attributes.KEY = "V"``, ``attributes.KEY != "V"`` and
``hasPrefix(attributes.KEY, "V")``; ``NOT`` or ``-`` before a term; and ``AND`` or ``OR`` between terms, which cannot be
mixed without parentheses. Source: Google's page "Filter messages from a subscription".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, TypeAlias

from headrace.dev.broker.broker_errors import invalid

MAX_FILTER_BYTES: Final = 256
Predicate: TypeAlias = Callable[[Mapping[str, str]], bool]
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[\w-]+)|(?P<sign>!=|[=:.,()]))"""
)
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT"})


def parse_filter(text: str) -> Predicate | None:
    """Return the predicate of a filter; None for an empty one, which every message matches.

    Raises:
        BrokerError: the filter is too long, or does not follow the grammar.

    >>> parse_filter('attributes.region = "eu" AND NOT attributes:test')({"region": "eu"})
    True
    """
    if not text:
        return None
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise invalid(f"The filter has more than {MAX_FILTER_BYTES} bytes.")
    parser = _Parser(text)
    predicate = parser.expression()
    parser.end()
    return predicate


class _Parser:
    """A recursive-descent parser. A token is a pair: the name of its kind, and its text."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        position, stripped = 0, text.rstrip()
        while position < len(stripped):
            found = _TOKEN.match(stripped, position)
            if found is None:
                self._refuse(f"unexpected character at {position}")
            self._tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            position = found.end()

    def expression(self) -> Predicate:
        terms = [self._term()]
        joined_by = ""
        while self._peek() in (("word", "AND"), ("word", "OR")):
            operator = self._take()[1]
            if joined_by not in ("", operator):
                self._refuse("AND and OR cannot be mixed without parentheses")
            joined_by = operator
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        every = joined_by == "AND"
        return lambda attributes: (all if every else any)(term(attributes) for term in terms)

    def end(self) -> None:
        if self._next < len(self._tokens):
            self._refuse(f"unexpected {self._peek()[1]}")

    def _term(self) -> Predicate:
        kind, text = self._take()
        if (kind, text) == ("word", "NOT"):
            return _negated(self._term())
        if kind == "word" and text.startswith("-"):  # a minus sign belongs to the word that follows it
            self._next -= 1
            rest = text[1:]
            self._tokens[self._next : self._next + 1] = [("word", rest)] if rest else []
            return _negated(self._term())
        if (kind, text) == ("sign", "("):
            inner = self.expression()
            self._expect("sign", ")")
            return inner
        if (kind, text) == ("word", "hasPrefix"):
            return self._prefix()
        if (kind, text) == ("word", "attributes"):
            return self._comparison()
        return self._refuse(f"unexpected {text}")

    def _prefix(self) -> Predicate:
        self._expect("sign", "(")
        self._expect("word", "attributes")
        self._expect("sign", ".")
        key = self._key()
        self._expect("sign", ",")
        value = self._text()
        self._expect("sign", ")")
        return lambda attributes: attributes.get(key, "").startswith(value) if key in attributes else False

    def _comparison(self) -> Predicate:
        operator = self._take()
        if operator == ("sign", ":"):
            present = self._key()
            return lambda attributes: present in attributes
        if operator != ("sign", "."):
            self._refuse("attributes must be followed by . or :")
        key = self._key()
        sign = self._take()
        if sign not in (("sign", "="), ("sign", "!=")):
            self._refuse("a key must be followed by = or !=")
        value = self._text()
        equal = sign[1] == "="
        return lambda attributes: (attributes.get(key) == value) is equal

    def _key(self) -> str:
        kind, text = self._take()
        if kind == "text":
            return _unquoted(text)
        if kind != "word" or text in _KEYWORDS:
            self._refuse("a key is missing")
        return text

    def _text(self) -> str:
        kind, text = self._take()
        if kind != "text":
            self._refuse("a value must be in quotation marks")
        return _unquoted(text)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "end of the filter")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._next += 1
        return token

    def _expect(self, kind: str, text: str) -> None:
        if self._take() != (kind, text):
            self._refuse(f"{text} is missing")

    def _refuse(self, why: str) -> NoReturn:
        raise invalid(f"The filter is invalid: {why}.")


def _negated(term: Predicate) -> Predicate:
    return lambda attributes: not term(attributes)


def _unquoted(text: str) -> str:
    """Return the text of a string literal, whose escapes are those of Python."""
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        raise invalid("The filter is invalid: a string has an unknown escape.") from None
