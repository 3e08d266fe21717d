"""Which events ``headrace tail`` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.cli.commands.tail import NoEngineError, TailError, Wanted, run_tail

WRITTEN: dict[str, Any] = {
    "outcome": "written",
    "reason": "",
    "detail": "",
    "row": {"order_id": "7", "total": "9.99", "paid": True, "pieces": 3, "address": {"country": "DE"}, "note": None},
}
REFUSED: dict[str, Any] = {"outcome": "dead_lettered", "reason": "too_late", "detail": "2 days Late", "row": None}


def wanted(outcome: str = "", reason: str = "", where: tuple[str, ...] = (), text: str = "") -> Wanted:
    return Wanted.of([outcome] if outcome else [], [reason] if reason else [], where, text)


@pytest.mark.parametrize(
    ("conditions", "written", "refused"),
    [
        ({}, True, True),
        ({"outcome": "written"}, True, False),
        ({"outcome": "dead_lettered"}, False, True),
        ({"reason": "too_late"}, False, True),
        ({"reason": "id_conflict"}, False, False),
        ({"text": "late"}, False, True),
        ({"where": ("order_id=7",)}, True, False),
        ({"where": ("order_id=8",)}, False, False),
        ({"where": ("address.country=DE", "total=9.99")}, True, False),
        ({"where": ("address.country=DE", "total=1")}, False, False),
        ({"where": ("pieces=3", "paid=true")}, True, False),
        ({"where": ("note=",)}, False, False),
        ({"where": ("unknown=1",)}, False, False),
        ({"where": ("order_id.inner=7",)}, False, False),
    ],
)
def test_an_event_is_shown_if_it_meets_every_condition(conditions: Any, written: bool, refused: bool) -> None:
    chosen = wanted(**conditions)
    assert (chosen.matches(WRITTEN), chosen.matches(REFUSED)) == (written, refused)


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({"outcome": "lost"}, "--outcome lost: unknown; use one of written, duplicate, dropped, dead_lettered"),
        ({"reason": "late"}, "--reason late: unknown; use one of malformed_envelope"),
        ({"where": ("order_id",)}, "--where order_id: no condition; write COLUMN=VALUE"),
        ({"where": ("=7",)}, "--where =7: no condition"),
    ],
)
def test_a_condition_that_nothing_can_meet_is_refused(conditions: Any, sentence: str) -> None:
    with pytest.raises(TailError, match=sentence):
        wanted(**conditions)


def test_without_an_engine_it_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(NoEngineError, match="start `headrace run`, or name its folder with --journal"):
        run_tail(tmp_path / "journal", "orders", Wanted(), None, None, "table")
