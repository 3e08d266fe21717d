"""``headrace dead-letters history``: what was done, with one letter or with all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from headrace.cli.commands.dead_letters import plain
from headrace.config.settings import Settings
from headrace.console.letters_access import letters_of
from headrace.dead_letters.service import SHORT, Letters
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import print_columns, print_labelled
from headrace.util.terminal_safe import safe

_INDENT: Final = 9


def show_history(settings: Settings, letter_id: str | None, limit: int, format_: str) -> None:
    """Print what was done: with one letter, or by everybody with all of them."""
    check_format(format_)
    with letters_of(settings) as service:
        if letter_id is None:
            _show_trail(service, limit, format_)
        else:
            _show_one(service, letter_id, format_)


def story(attempts: Sequence[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Refusals of a letter and what was done with it, the first first."""
    told = [
        {
            "when": each["refused_at"],
            "what": "refused",
            "attempt": each["attempt"],
            "who": each["stage"],
            "why": f"{each['reason']}: {each['detail']}",
        }
        for each in attempts
    ]
    told += [
        {
            "when": each["done_at"],
            "what": each["action"],
            "attempt": each["attempt"],
            "who": each["who"],
            "why": each["why"] or "",
        }
        for each in facts
    ]
    return sorted(told, key=lambda each: each["when"])


def print_story(told: Sequence[Mapping[str, Any]]) -> None:
    """Print a letter's story as a table."""
    rows = [[_short(each["when"]), each["what"], str(each["attempt"]), each["who"], each["why"]] for each in told]
    print_columns(["when", "what", "attempt", "by", "why"], rows, ["by", "why"], right="attempt")


def _show_one(service: Letters, letter_id: str, format_: str) -> None:
    letter = service.one(letter_id)
    told = story(service.reader.attempts(letter.letter_id), service.reader.facts(letter.letter_id))
    if format_ != "table":
        show("history", [plain(each) for each in told], format_, letter_id=letter.letter_id, state=letter.state)
        return
    print_story(told)
    say(f"letter {letter.letter_id} is {letter.state}; `headrace dead-letters show {letter.letter_id[:SHORT]}`")


def _show_trail(service: Letters, limit: int, format_: str) -> None:
    lines: dict[str, dict[str, Any]] = {}
    for line in service.reader.trail(limit * 2):
        lines.setdefault(line["operation"], line)  # how it ended stands before how it began
    told = list(lines.values())[:limit]
    if format_ != "table":
        show("trail", [plain(each) | {"filter": json.loads(each["filter"] or "{}")} for each in told], format_)
        return
    for each in told:
        letters = f"{each['letters']:,} letter{'s' if each['letters'] != 1 else ''}"
        outcome = each["outcome"] or "began, and did not end"
        sys.stdout.write(f"{_short(each['done_at'])}  {each['action']}  {letters}  {outcome}, by {safe(each['who'])}\n")
        print_labelled("  which", _chose(each["filter"]), _INDENT)
        if each["why"]:
            print_labelled("  why", each["why"], _INDENT)
    sys.stdout.flush()
    say(
        f"{len(told):,} {'entry' if len(told) == 1 else 'entries'} of the trail, the newest first; "
        "`headrace dead-letters history ID` tells of one letter"
    )


def _chose(said: str | None) -> str:
    chosen_by = json.loads(said or "{}")
    return " ".join(f"{name}={','.join(v) if isinstance(v, list) else v}" for name, v in chosen_by.items()) or "all"


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
