"""Texts of a contract as Python source, in the form that formatters give it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

WIDTH: Final = 88  # columns: the default of ruff and black
_QUOTES: Final = '"""'


def text_literal(text: str) -> str:
    r"""Return a literal of *text*, in double quotes unless single ones need fewer escapes.

    >>> print(text_literal('a "b"\n'))
    'a "b"\n'
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{_escaped(text).replace(quote, chr(92) + quote)}{quote}"


def bytes_literal(data: bytes) -> str:
    r"""Return a literal of *data*.

    >>> print(bytes_literal(b"a\x00\xff"))
    b"a\x00\xff"
    """
    text = data.decode("latin-1")
    quote = "'" if text.count('"') > text.count("'") else '"'
    plain = "".join(each if " " <= each <= "~" else f"\\x{ord(each):02x}" for each in text.replace("\\", "\\\\"))
    return f"b{quote}{plain.replace(quote, chr(92) + quote)}{quote}"


def docstring(text: str, indent: str) -> Iterator[str]:
    """Yield the lines of a docstring with the words of *text*, wrapped; nothing without words."""
    paragraphs = [" ".join(each.split()) for each in text.splitlines()]
    words = _escaped("\n".join(paragraphs).strip("\n"), "\n").replace(_QUOTES, r"\"\"\"")
    if not words.strip():
        return
    if "\n" not in words and len(f"{indent}{_QUOTES}{words}{_QUOTES}") <= WIDTH and not words.endswith('"'):
        yield f"{indent}{_QUOTES}{words}{_QUOTES}"
        return
    wrapped = [line for each in words.split("\n") for line in _wrapped(each, indent)]
    yield f"{indent}{_QUOTES}{wrapped[0]}"
    yield from (f"{indent}{line}".rstrip() for line in wrapped[1:])
    yield f"{indent}{_QUOTES}"


def _wrapped(words: str, indent: str) -> list[str]:
    room = WIDTH - len(indent) - len(_QUOTES)
    return textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False) or [""]


def _escaped(text: str, kept: str = "") -> str:
    """Return *text* with escapes for backslashes, and for characters that are not shown, except those *kept*."""
    return "".join(each if each in kept or (each.isprintable() and each != "\\") else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
