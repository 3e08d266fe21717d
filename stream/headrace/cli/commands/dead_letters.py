"""``headrace dead-letters list``, ``discard`` and ``reopen``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from headrace.config.settings import Settings
from headrace.console.letters_access import chosen, confirmed, letters_of
from headrace.dead_letters.ages import age
from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import SHORT
from headrace.schemas.envelope import to_rfc3339
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted, print_columns

OPEN: Final = ("open",)


def list_letters(settings: Settings, wanted: Filter, limit: int, page: int, format_: str) -> None:
    """Print the letters that match, the newest refusal first."""
    check_format(format_)
    with letters_of(settings) as service:
        matching = service.reader.count(wanted)
        letters = service.reader.find(wanted, limit, (page - 1) * limit)
        if format_ != "table":
            show("dead_letters", [plain(asdict(each)) for each in letters], format_, count=matching, page=page)
            return
        if letters:
            _print_letters(letters, service.clock())
        say(_what_next(letters, matching, limit, page))


def discard_letters(settings: Settings, wanted: Filter, why: str, sure: bool) -> None:
    """Discard those of the chosen letters that are open, and print their number."""
    with letters_of(settings) as service:
        letters = chosen(service, wanted, OPEN, "discard")
        if not _agreed(letters, wanted, "discard", sure):
            return
        count = service.discard(letters, wanted, why)
        say(f"discarded {counted(count, 'letter')}{_others(len(letters) - count, 'not open')}")
        if count:
            say("they stay in the archive; `headrace dead-letters reopen` opens them again")


def reopen_letters(settings: Settings, wanted: Filter, why: str, sure: bool) -> None:
    """Reopen those of the chosen letters that are discarded or replayed, and print their number."""
    with letters_of(settings) as service:
        letters = chosen(service, wanted, ("discarded",), "reopen")
        if not _agreed(letters, wanted, "reopen", sure):
            return
        count = service.reopen(letters, wanted, why)
        say(f"reopened {counted(count, 'letter')}{_others(len(letters) - count, 'open already')}")
        if count:
            say("next: `headrace dead-letters list`")


def _print_letters(letters: Sequence[LetterSummary], now: datetime) -> None:
    states = len({each.state for each in letters}) > 1
    rows = [
        [
            each.letter_id[:SHORT],
            age(each.refused_at, now),
            *([each.state.value] if states else []),
            each.reason,
            each.subject or "-",
            _marks(each) + each.detail,
        ]
        for each in letters
    ]
    names = ["id", "age", *(["state"] if states else []), "reason", "subject", "detail"]
    print_columns(names, rows, ["reason", "subject", "detail"], right="age")


def _marks(letter: LetterSummary) -> str:
    marks = ["edited"] if letter.edited else []
    if letter.attempt > 1:
        marks.append(f"attempt {letter.attempt}")
    return f"[{', '.join(marks)}] " if marks else ""


def _what_next(letters: Sequence[LetterSummary], matching: int, limit: int, page: int) -> str:
    if not matching:
        return "no letter matches; use --state all to list letters that are not open"
    if not letters:
        return f"{counted(matching, 'letter')}, and none on page {page}; use a smaller --page"
    shown = f"{counted(matching, 'letter')}, the newest first"
    if len(letters) < matching:
        first = (page - 1) * limit + 1
        shown = f"{first:,} to {first + len(letters) - 1:,} of {counted(matching, 'letter')}"
        if first + len(letters) - 1 < matching:
            shown += f" (--page {page + 1} shows more, --group-by reason,subject counts them)"
    return f"{shown}; next: `headrace dead-letters show {letters[0].letter_id[:SHORT]}`"


def _agreed(letters: Sequence[LetterSummary], wanted: Filter, verb: str, sure: bool) -> bool:
    """Return whether to go on; ask for confirmation unless the letters are chosen by ids alone."""
    only_ids = wanted == Filter(ids=wanted.ids)
    return not letters or confirmed(f"{verb} {counted(len(letters), 'letter')}?", sure or only_ids)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* with times as text."""
    return {name: to_rfc3339(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _others(count: int, why: str) -> str:
    return f"; {counted(count, 'letter')} {'is' if count == 1 else 'are'} {why}" if count else ""
