"""What ``headrace replay`` shows: the plan, and what was done."""

from __future__ import annotations

import sys
from typing import Any, Final

from headrace.dead_letters.replay_forecast import Prospect
from headrace.dead_letters.replay_letters import INTERRUPTED, Result
from headrace.dead_letters.replay_plan import Plan, Why
from headrace.dead_letters.service import SHORT
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted

MOST_WHYS: Final = 10
WORDS: Final = {
    Prospect.PASSES: "would pass",
    Prospect.FAILS: "would fail",
    Prospect.UNKNOWN: "not known before",
    Prospect.STUCK: "cannot be sent",
}
_COLUMNS: Final = {
    Prospect.PASSES: "pass",
    Prospect.FAILS: "fail",
    Prospect.UNKNOWN: "not known",
    Prospect.STUCK: "cannot be sent",
}


def show_plan(made: Plan) -> None:
    """Say how many letters match, what would become of each kind, why, and how many are to be sent."""
    if not made.matching:
        say(
            "no letter matches that could be sent; `headrace dead-letters list --state all`\n"
            "shows all there are, --state replayed sends again what was sent before"
        )
        return
    rows = [
        {"refused_as": reason, "letters": counts.total(), **{_COLUMNS[each]: counts[each] for each in Prospect}}
        for reason, counts in sorted(made.by_reason.items(), key=lambda each: -each[1].total())
    ]
    show("plan", rows, "table")
    whys = sorted(made.whys.values(), key=lambda each: -each.letters)
    if whys:
        sys.stdout.write("\n")
        show("whys", [_why_line(each) for each in whys[:MOST_WHYS]], "table")
        sys.stdout.flush()
    if len(whys) > MOST_WHYS:
        say(f"and {len(whys) - MOST_WHYS:,} more reasons; --format json names them")
    for sentence in _remarks(made):
        say(sentence)


def show_result(made: Plan, result: Result) -> None:
    """Say what was done and what to do next."""
    seconds = max(result.seconds, 0.001)
    say(f"replayed {counted(result.sent, 'letter')} in {result.seconds:.1f} s, {result.sent / seconds:,.0f} a second")
    if result.passed_over:
        say(f"{result.passed_over:,} passed over: taken, edited or refused again by others meanwhile")
    if result.refused:
        named = ", ".join(each[:SHORT] for each in result.examples)
        say(f"{result.refused:,} not taken by Pub/Sub as they are: {named}; edit them")
    if result.outcome == INTERRUPTED:
        say("interrupted; run it again, and it goes on with those that are left")
    if result.sent:
        say(
            "what fails again comes back as the same letter: `headrace dead-letters list`;\n"
            "whether everything has arrived: `headrace audit`"
        )


def plan_as_dict(made: Plan) -> dict[str, Any]:
    """The plan, for a program."""
    whys = sorted(made.whys.values(), key=lambda each: -each.letters)
    return {
        "matching": made.matching,
        "looked_at": made.looked_at,
        "to_send": len(made.chosen),
        **{each.value: made.count(each) for each in Prospect},
        "incomplete": made.incomplete,
        "attributes_left_out": made.stamped,
        "by_reason": {
            reason: {each.value: counts[each] for each in Prospect if counts[each]}
            for reason, counts in sorted(made.by_reason.items())
        },
        "why": [
            {
                "prospect": each.prospect,
                "reason": each.reason,
                "why": each.why,
                "letters": each.letters,
                "example": each.example,
            }
            for each in whys
        ],
    }


def result_as_dict(result: Result, operation: str) -> dict[str, Any]:
    """What was done, for a program."""
    return {
        "operation": operation,
        "outcome": result.outcome,
        "sent": result.sent,
        "passed_over": result.passed_over,
        "refused": result.refused,
        "refused_examples": result.examples,
        "seconds": round(result.seconds, 3),
    }


def _why_line(each: Why) -> dict[str, Any]:
    return {
        "letters": each.letters,
        "today": WORDS[each.prospect],
        "reason": each.reason,
        "why": each.why,
        "example": each.example[:SHORT],
    }


def _remarks(made: Plan) -> list[str]:
    failing, chosen = made.count(Prospect.FAILS), len(made.chosen)
    found = [f"{chosen:,} of {counted(made.matching, 'letter')} would be sent"]
    if made.looked_at < made.matching:
        found[0] += f", as --max asks; {made.matching - made.looked_at:,} were not looked at"
    if failing and Prospect.FAILS not in made.prospects:
        found.append(
            f"{failing:,} would fail today and stay where they are: mend them\n"
            "(`headrace dead-letters edit`), or add the contract they need"
        )
    if made.incomplete:
        found.append(f"{made.incomplete:,} are not collected in all their pieces yet; run it again in a while")
    if made.stamped:
        found.append(f"{made.stamped:,} lose attributes named goog*, which nobody but Pub/Sub may set")
    return found
