"""``headrace tail``: follow the events of a subject through the tap of the engine on this machine."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headrace.core.dead_letter import Reason
from headrace.core.outcome import Outcome
from headrace.errors import Exit, HeadraceError
from headrace.status.ask_engine import tapped
from headrace.util.output import check_format, print_json, say
from headrace.util.terminal_columns import cut, limited, width
from headrace.util.terminal_safe import safe

LOOK_SECONDS: Final = 0.3
OUTCOMES: Final = (Outcome.WRITTEN, Outcome.DUPLICATE, Outcome.DROPPED, Outcome.DEAD_LETTERED)
_OUTCOME_CELLS: Final = max(map(len, OUTCOMES)) + 2
_TIME: Final = slice(11, 23)  # of RFC 3339: hours to milliseconds


class TailError(HeadraceError, ValueError, error_code="HR-324", exit_code=Exit.USAGE):
    """A condition of ``headrace tail`` cannot be met. The text says which, and what is possible."""


class NoEngineError(HeadraceError, LookupError, error_code="HR-325", exit_code=Exit.FOUND):
    """No engine runs with this journal on this machine."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The events to show: those that meet every condition; an empty field is no condition.

    *where* has texts that columns must equal; a column of a record is named ``outer.inner``.
    """

    outcomes: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    where: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @classmethod
    def of(cls, outcomes: Sequence[str], reasons: Sequence[str], where: Sequence[str], text: str) -> Wanted:
        """Return the conditions of the command line.

        Raises:
            TailError: an outcome or a reason is unknown, or a condition has no ``=``.
        """
        _check("--outcome", outcomes, OUTCOMES)
        _check("--reason", reasons, list(Reason))
        pairs = [each.partition("=") for each in where]
        for (column, equals, _), given in zip(pairs, where, strict=True):
            if not (column and equals):
                raise TailError(f"--where {given}: no condition; write COLUMN=VALUE")
        return cls(frozenset(outcomes), frozenset(reasons), {column: value for column, _, value in pairs}, text)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether *event* meets every condition."""
        return (
            (not self.outcomes or event["outcome"] in self.outcomes)
            and (not self.reasons or event["reason"] in self.reasons)
            and (not self.text or self.text.lower() in event["detail"].lower())
            and all(_text(event["row"], column) == value for column, value in self.where.items())
        )


def run_tail(
    journal: Path, subject: str, wanted: Wanted, limit: int | None, seconds: float | None, format_: str
) -> None:
    """Print events until there were *limit*, *seconds* have passed, the engine ends, or Ctrl-C.

    Raises:
        NoEngineError: no engine runs with *journal* on this machine.
        UnknownSubjectError: the engine does not have *subject*.
    """
    check_format(format_)
    shown = 0
    try:
        for event in _followed(journal, subject, seconds):
            if wanted.matches(event):
                _print(event, format_)
                shown += 1
            if limit is not None and shown >= limit:
                return
    except KeyboardInterrupt:  # how a person ends it
        return


def _followed(journal: Path, subject: str, seconds: float | None) -> Iterator[dict[str, Any]]:
    """Yield events as they come; say how many were left out, because they were too many."""
    first = tapped(journal, subject, 0)
    if first is None:
        raise NoEngineError(
            f"{journal}: no engine runs with this journal on this machine; start `headrace run`, or name its folder "
            "with --journal"
        )
    say(f"following {subject}; Ctrl-C ends it")
    begun, after, seen = time.monotonic(), first["last"], Counter(first["seen"])
    while seconds is None or time.monotonic() - begun < seconds:
        time.sleep(LOOK_SECONDS)
        found = tapped(journal, subject, after)
        if found is None:
            say("the engine has ended")
            return
        new = Counter(found["seen"]) - seen
        yield from found["events"]
        _say_left_out(new - Counter(each["outcome"] for each in found["events"]))
        after, seen = found["last"], Counter(found["seen"])


def _say_left_out(left_out: Counter[str]) -> None:
    if left_out:
        say(f"left out: {', '.join(f'{count:,} {outcome}' for outcome, count in sorted(left_out.items()))}")


def _print(event: dict[str, Any], format_: str) -> None:
    shown = {name: value for name, value in event.items() if value not in ("", None)}
    if format_ != "table":
        print_json(shown)
        return
    at, outcome = event["at"][_TIME], event["outcome"]
    if event["row"] is None:
        rest = f"{event['reason']}: {event['detail']} (letter {event['letter_id']})"
    else:
        rest = json.dumps(event["row"], ensure_ascii=False)
    line = safe(f"{at}  {outcome:<{_OUTCOME_CELLS}}{rest}")
    sys.stdout.write((cut(line, width()) if limited() and event["row"] is not None else line) + "\n")
    sys.stdout.flush()


def _text(row: Mapping[str, Any] | None, column: str) -> str | None:
    """Return the value of a column as text; None if the event has no row, or the row no such value."""
    value: Any = row
    for name in column.split("."):
        if not isinstance(value, Mapping) or value.get(name) is None:
            return None
        value = value[name]
    return value if isinstance(value, str) else json.dumps(value)


def _check(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for each in given:
        if each not in known:
            raise TailError(f"{option} {each}: unknown; use one of {', '.join(known)}")
