"""Tables: whole in a pipe, whole on a terminal, and no column is ever lost."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from headrace.runtime.exit_codes import explain
from headrace.runtime.logs import set_up_logs
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted, print_columns

AUDIT: dict[str, Any] = {
    "subject": "booking_created",
    "received": 1200,
    "written": 1000,
    "duplicates": 40,
    "dropped": 0,
    "dead_lettered": 160,
    "rows": 1000,
    "in_flight": 3,
    "lost": 5,
    "complete_until": "2026-11-25 02:11:48",
}
VALUES = ("booking_created", "1,200", "1,000", "40", "0", "160", "3", "5", "2026-11-25", "02:11:48")


def printed(capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]]) -> list[str]:
    show("subjects", rows, "table")
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [60, 70, 80, 90, 100, 120, 160])
def test_a_table_fits_a_terminal_and_keeps_every_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = printed(capsys, [AUDIT, AUDIT])

    assert max(map(len, lines)) <= columns
    words = " ".join(lines).split()
    for value in VALUES:
        assert words.count(value) >= 2, value


def test_a_table_in_a_pipe_has_a_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = {"subject": "s" * 200, "why": "a sentence of many words " * 20}

    heading, first = printed(capsys, [long])

    assert heading.split() == ["subject", "why"]
    assert first.split() == " ".join(long.values()).split()

    print_columns(["subject", "why"], [[*long.values()]], ["why"])
    assert "…" not in capsys.readouterr().out


def test_a_long_text_gives_way_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    lines = printed(capsys, [{"subject": "things", "why": "a sentence of many words " * 20}])

    assert max(map(len, lines)) <= 70
    assert " ".join(lines).split().count("sentence") == 20


def test_one_is_no_plural() -> None:
    assert [counted(count, "group") for count in (0, 1, 2)] == ["0 groups", "1 group", "2 groups"]


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "a\rb", "\x9b31m", "\u202egpj.exe", "x\udcff", "\x00"])
def test_what_a_terminal_would_obey_is_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{text}: no such file\nsecond line")
    first, second = capsys.readouterr().err.splitlines()
    assert first.isprintable()
    assert first.endswith(": no such file")
    assert second == "second line"


def test_an_error_message_shows_control_characters_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    _, sentence = explain(TimeoutError("server said \x1b[2J"))
    say(f"headrace: {sentence}")
    assert capsys.readouterr().err == "headrace: server said \\x1b[2J\n"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_log_line_shows_control_characters_escaped(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    before = structlog.get_config()
    try:
        set_up_logs(format_)
        structlog.get_logger("headrace").warning("refused", error="server said \x1b[2J\udcff")
    finally:
        structlog.configure(**before)
    output = capsys.readouterr().err
    assert "2J" in output
    assert output.rstrip("\n").isprintable()
