"""Nothing that a terminal would obey, or a reader would not see, gets through as itself."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.util.output import show
from headrace.util.terminal_safe import safe
from tests.support.strategies import FIXED_PROFILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="escape"),
        pytest.param("a\r\nb\tc\x00", r"a\x0d\x0ab\x09c\x00", id="C0"),
        pytest.param("\x7f\x9b", r"\x7f\x9b", id="DEL and C1"),
        pytest.param("\u202egpj.exe\u2066\u200f\u061c", r"\u202egpj.exe\u2066\u200f\u061c", id="bidirectional"),
        pytest.param("a\u200bb\ufeff\xad\u2060", r"a\u200bb\ufeff\xad\u2060", id="invisible"),
        pytest.param("\u2028\u2029", r"\u2028\u2029", id="separators"),
        pytest.param("\ud800", r"\ud800", id="half a character"),
        pytest.param("\U000e0041\U000e0100", r"\U000e0041\U000e0100", id="tags and variants"),
        pytest.param("Zoë 東京 שלום =1+1 🛫", "Zoë 東京 שלום =1+1 🛫", id="text of people"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


@FIXED_PROFILE
@given(st.text(st.characters()))
def test_no_control_is_left_and_the_rest_is_kept(text: str) -> None:
    shown = safe(text)

    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    shown.encode()
    if text.isascii() and text.isprintable():
        assert shown == text


def test_tables_show_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    show("things", [{"name": "a\x1b[2Jb\u202ec"}], "table")

    assert r"a\x1b[2Jb\u202ec" in capsys.readouterr().out
