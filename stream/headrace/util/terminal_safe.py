"""Escapes for text from outside: a terminal prints it instead of acting on it."""

from __future__ import annotations

import re
from typing import Final

# Controls (C0, DEL, C1), characters that change the direction of text, invisible characters, line and paragraph
# separators, halves of surrogate pairs, and noncharacters.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def safe(text: str) -> str:
    r"""Return *text* with controls, bidirectional and invisible characters written as escapes.

    >>> print(safe("a\x1b[31mb\u202ec"))
    a\x1b[31mb\u202ec
    """
    return _OBEYED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
