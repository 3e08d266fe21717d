"""Print the plan and the result of ``headrace replay``."""

from __future__ import annotations

import sys
from typing import Any, Final

from headrace.dead_letters.replay_context import INTERRUPTED, ReplayResult
from headrace.dead_letters.replay_forecast import Forecast
from headrace.dead_letters.replay_plan import Cause, ReplayPlan
from headrace.dead_letters.service import SHORT
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted

MAX_CAUSES: Final = 10
WORDS: Final = {
    Forecast.PASSES: "would pass",
    Forecast.FAILS: "would fail",
    Forecast.UNKNOWN: "unknown",
    Forecast.UNSENDABLE: "cannot be sent",
}
_COLUMNS: Final = {
    Forecast.PASSES: "pass",
    Forecast.FAILS: "fail",
    Forecast.UNKNOWN: "unknown",
    Forecast.UNSENDABLE: "cannot be sent",
}


def show_plan(made: ReplayPlan) -> None:
    """Print the number of letters that match, the forecasts by reason with their causes, and the number to send."""
    if not made.matching:
        say(
            "no letter to send matches; `headrace dead-letters list --state all` lists all\n"
            "letters, --state replayed sends replayed ones again"
        )
        return
    rows = [
        {"refused_as": reason, "letters": counts.total(), **{_COLUMNS[each]: counts[each] for each in Forecast}}
        for reason, counts in sorted(made.by_reason.items(), key=lambda each: -each[1].total())
    ]
    show("plan", rows, "table")
    causes = sorted(made.causes.values(), key=lambda each: -each.letters)
    if causes:
        sys.stdout.write("\n")
        show("causes", [_why_line(each) for each in causes[:MAX_CAUSES]], "table")
        sys.stdout.flush()
    if len(causes) > MAX_CAUSES:
        say(f"and {len(causes) - MAX_CAUSES:,} more causes; --format json lists them")
    for sentence in _remarks(made):
        say(sentence)


def show_result(made: ReplayPlan, result: ReplayResult) -> None:
    """Print the result and the next steps."""
    seconds = max(result.seconds, 0.001)
    say(f"replayed {counted(result.sent, 'letter')} in {result.seconds:.1f} s, {result.sent / seconds:,.0f} a second")
    if result.skipped:
        say(f"skipped {counted(result.skipped, 'letter')}: replayed, discarded, edited or refused again meanwhile")
    if result.refused:
        named = ", ".join(each[:SHORT] for each in result.examples)
        say(f"Pub/Sub refused {counted(result.refused, 'letter')}: {named}; edit them")
    if result.outcome == INTERRUPTED:
        say("interrupted; run the command again, it continues with the letters that are left")
    if result.sent:
        say(
            "a letter that fails again is open again: `headrace dead-letters list`;\n"
            "to check that everything has arrived: `headrace audit`"
        )


def plan_as_dict(made: ReplayPlan) -> dict[str, Any]:
    """Return the plan for JSON."""
    causes = sorted(made.causes.values(), key=lambda each: -each.letters)
    return {
        "matching": made.matching,
        "checked": made.checked,
        "to_send": len(made.chosen),
        **{each.value: made.count(each) for each in Forecast},
        "incomplete": made.incomplete,
        "attributes_left_out": made.stamped,
        "by_reason": {
            reason: {each.value: counts[each] for each in Forecast if counts[each]}
            for reason, counts in sorted(made.by_reason.items())
        },
        "why": [
            {
                "forecast": each.forecast,
                "reason": each.reason,
                "why": each.why,
                "letters": each.letters,
                "example": each.example,
            }
            for each in causes
        ],
    }


def result_as_dict(result: ReplayResult, operation: str) -> dict[str, Any]:
    """Return the result for JSON."""
    return {
        "operation": operation,
        "outcome": result.outcome,
        "sent": result.sent,
        "skipped": result.skipped,
        "refused": result.refused,
        "refused_examples": result.examples,
        "seconds": round(result.seconds, 3),
    }


def _why_line(each: Cause) -> dict[str, Any]:
    return {
        "letters": each.letters,
        "today": WORDS[each.forecast],
        "reason": each.reason,
        "why": each.why,
        "example": each.example[:SHORT],
    }


def _remarks(made: ReplayPlan) -> list[str]:
    failing, chosen = made.count(Forecast.FAILS), len(made.chosen)
    found = [f"{chosen:,} of {counted(made.matching, 'letter')} would be sent"]
    if made.checked < made.matching:
        found[0] += f", because of --max; {made.matching - made.checked:,} were not checked"
    if failing and Forecast.FAILS not in made.forecasts:
        found.append(
            f"{failing:,} would fail and stay open: edit them (`headrace dead-letters edit`),\n"
            "or add the contract they need"
        )
    if made.incomplete:
        found.append(f"{made.incomplete:,} are not completely collected yet; run the command again in a minute")
    if made.stamped:
        found.append(f"{made.stamped:,} lose attributes named goog*, which only Pub/Sub may set")
    return found
