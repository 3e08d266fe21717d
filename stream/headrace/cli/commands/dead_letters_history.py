"""``headrace dead-letters history``: print the actions on one letter, or the whole trail."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from headrace.cli.commands.dead_letters import plain
from headrace.config.settings import Settings
from headrace.console.letters_access import letters_of
from headrace.dead_letters.service import SHORT, LetterService
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import print_columns, print_labelled
from headrace.util.terminal_safe import safe

_INDENT: Final = 9


def show_history(settings: Settings, letter_id: str | None, limit: int, format_: str) -> None:
    """Print the history of one letter, or the trail of all commands."""
    check_format(format_)
    with letters_of(settings) as service:
        if letter_id is None:
            _show_trail(service, limit, format_)
        else:
            _show_one(service, letter_id, format_)


def letter_history(attempts: Sequence[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the refusals of a letter and the facts about it, the oldest first."""
    events = [
        {
            "when": each["refused_at"],
            "what": "refused",
            "attempt": each["attempt"],
            "actor": each["stage"],
            "why": f"{each['reason']}: {each['detail']}",
        }
        for each in attempts
    ]
    events += [
        {
            "when": each["done_at"],
            "what": each["action"],
            "attempt": each["attempt"],
            "actor": each["actor"],
            "why": each["why"] or "",
        }
        for each in facts
    ]
    return sorted(events, key=lambda each: each["when"])


def print_history(events: Sequence[Mapping[str, Any]]) -> None:
    """Print a letter's history as a table."""
    rows = [[_short(each["when"]), each["what"], str(each["attempt"]), each["actor"], each["why"]] for each in events]
    print_columns(["when", "what", "attempt", "by", "why"], rows, ["by", "why"], right="attempt")


def _show_one(service: LetterService, letter_id: str, format_: str) -> None:
    letter = service.find_one(letter_id)
    events = letter_history(service.reader.attempts(letter.letter_id), service.reader.facts(letter.letter_id))
    if format_ != "table":
        show("history", [plain(each) for each in events], format_, letter_id=letter.letter_id, state=letter.state)
        return
    print_history(events)
    say(f"letter {letter.letter_id} is {letter.state}; `headrace dead-letters show {letter.letter_id[:SHORT]}`")


def _show_trail(service: LetterService, limit: int, format_: str) -> None:
    lines: dict[str, dict[str, Any]] = {}
    for line in service.reader.trail(limit * 2):
        lines.setdefault(line["operation"], line)  # the newest first, so a command's end comes before its beginning
    entries = list(lines.values())[:limit]
    if format_ != "table":
        show("trail", [plain(each) | {"filter": json.loads(each["filter"] or "{}")} for each in entries], format_)
        return
    for each in entries:
        letters = f"{each['letters']:,} letter{'s' if each['letters'] != 1 else ''}"
        outcome = each["outcome"] or "began, has not ended"
        sys.stdout.write(
            f"{_short(each['done_at'])}  {each['action']}  {letters}  {outcome}, by {safe(each['actor'])}\n"
        )
        print_labelled("  which", _filter(each["filter"]), _INDENT)
        if each["why"]:
            print_labelled("  why", each["why"], _INDENT)
    sys.stdout.flush()
    say(
        f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'} of the trail, the newest first; "
        "`headrace dead-letters history ID` shows one letter"
    )


def _filter(text: str | None) -> str:
    chosen_by = json.loads(text or "{}")
    return " ".join(f"{name}={','.join(v) if isinstance(v, list) else v}" for name, v in chosen_by.items()) or "all"


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
