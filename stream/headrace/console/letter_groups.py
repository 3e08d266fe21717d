"""Print letters counted by groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from headrace.config.settings import Settings
from headrace.console.letters_access import letters_of
from headrace.dead_letters.ages import age
from headrace.dead_letters.archive_reader import GROUPS
from headrace.dead_letters.archived_letter import LetterGroup
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import SHORT, ChoiceError
from headrace.schemas.envelope import to_rfc3339
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted, print_columns


def group_letters(settings: Settings, wanted: Filter, by: str, format_: str) -> None:
    """Print the number of letters in each group. Raises ChoiceError if *by* names an unknown column."""
    check_format(format_)
    names = [name.strip() for name in by.split(",") if name.strip()]
    unknown = [name for name in names if name not in GROUPS]
    if unknown or not names:
        raise ChoiceError(f"--group-by: unknown; use some of {', '.join(GROUPS)}, separated by commas")
    with letters_of(settings) as service:
        groups = service.reader.group(wanted, names)
        if format_ != "table":
            show("groups", [_group(each) for each in groups], format_, count=sum(each.letters for each in groups))
            return
        if groups:
            _print_groups(names, groups, service.clock())
            count = sum(each.letters for each in groups)
            example = groups[0].example[:SHORT]
            found = f"{counted(count, 'letter')} in {counted(len(groups), 'group')}"
            say(f"{found}; next: `headrace dead-letters show {example}`")
        else:
            say("no letter matches; use --state all to count letters that are not open")


def _print_groups(names: Sequence[str], groups: Sequence[LetterGroup], now: datetime) -> None:
    rows = [
        [
            *(_cell(name, each.by[name]) for name in names),
            f"{each.letters:,}",
            age(each.first_seen, now),
            age(each.last_seen, now),
            each.example[:SHORT],
        ]
        for each in groups
    ]
    giving_way = [name for name in names if name not in ("hour", "day")]
    print_columns([*names, "letters", "first", "last", "example"], rows, giving_way, right="letters")


def _cell(name: str, value: str) -> str:
    if name == "hour":
        return datetime.fromisoformat(value).strftime("%m-%d %Hh")
    if name == "claimed":
        value = value.removeprefix("headrace:")
    return value[:10] if name == "day" else value or "-"


def _group(group: LetterGroup) -> dict[str, Any]:
    return {
        **group.by,
        "letters": group.letters,
        "first_seen": to_rfc3339(group.first_seen),
        "last_seen": to_rfc3339(group.last_seen),
        "example": group.example,
    }
