"""Tables: whole in a pipe, whole on a terminal, and no column is ever lost."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from headrace.errors import Exit
from headrace.runtime.exit_codes import explain, explain_faults
from headrace.runtime.logs import set_up_logs
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together
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


LETTERS = ["id", "age", "state", "reason", "subject", "detail"]
LETTER = ["3f2a9c0000", "365d", "discarded", "undecodable_payload", "booking_created", "a sentence of many words " * 5]
GROUPED = ["reason", "subject", "claimed", "source", "state", "stage", "version", "hour", "letters", "example"]
HISTORY = ["when", "what", "attempt", "by", "why"]


@pytest.mark.parametrize("columns", [60, 79, 160])
@pytest.mark.parametrize(
    ("names", "row", "giving_way"),
    [
        pytest.param(LETTERS, LETTER, ["reason", "subject", "detail"], id="letters"),
        pytest.param(GROUPED, [f"{name}_value" for name in GROUPED], GROUPED[:7], id="groups by everything"),
        pytest.param(HISTORY, ["w" * 19, "discarded", "1", "me", "y" * 90], ["by", "why"], id="history"),
    ],
)
def test_columns_fit_a_terminal_and_none_is_lost(
    names: list[str],
    row: list[str],
    giving_way: list[str],
    columns: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    print_columns(names, [row, row], giving_way)

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert [name for name in names if name not in shown.split()] == []
    assert [value for value in row if shown.count(value[:7].rstrip()) < 2] == []


def test_words_of_a_cell_are_wrapped_and_numbers_are_aligned_to_the_right(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    row = {"subject": "booking_created", "events": 1200, "share": 0.5, "why": "a sentence of several words more"}
    assert printed(capsys, [row, row | {"events": 7}]) == [
        "subject          events  share  why",
        "booking_created   1,200   0.50  a sentence of several words",
        "                                more",
        "booking_created       7   0.50  a sentence of several words",
        "                                more",
    ]


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


def test_each_fault_of_contracts_is_a_sentence() -> None:
    faults = [ContractError(f"orders.v1.{name}", "not classified", "add pii") for name in ("a", "b")]
    code, sentences = explain_faults(together(faults))
    assert (code, len(sentences)) == (Exit.CONFIGURATION, 2)
    assert sentences == [
        "orders.v1.a: not classified; add pii [HR-101]",
        "orders.v1.b: not classified; add pii [HR-101]",
    ]
    assert explain_faults(ValueError("x"))[1] == [explain(ValueError("x"))[1]]
