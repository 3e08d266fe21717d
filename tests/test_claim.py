"""What the rows of claims say of each engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.engine.subscription_claims import last_claims, with_names

START = datetime(2026, 3, 14, 12, tzinfo=UTC)


def a_row(second: int, engine: str = "a", streams: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    stated = START + timedelta(seconds=second)
    row = {"engine": engine, "holder": f"holder of {engine}", "streams": list(streams), "stated_at": stated}
    row |= {"run": f"run of {engine}", "number": second, "subscriptions": ["s"]}
    return row | {"claimed_until": stated + timedelta(seconds=30), "serving": True, "released": False} | changes


def test_an_engine_is_live_until_its_last_claim_runs_out() -> None:
    (claim,) = last_claims([a_row(0), a_row(10)])
    assert claim.is_live(START + timedelta(seconds=39))
    assert not claim.is_live(START + timedelta(seconds=40))


def test_one_that_released_is_not() -> None:
    (claim,) = last_claims([a_row(0), a_row(10, released=True)])
    assert not claim.is_live(START + timedelta(seconds=11))


def test_streams_stay_in_question_until_they_are_released() -> None:
    #  a: claims s1|crashes|claims s2|             a: releases|claims s3
    rows = [a_row(0, streams=("s1",)), a_row(60, streams=("s2",))]
    assert set(last_claims(rows)[0].streams) == {"s1", "s2"}
    rows += [a_row(70, streams=("s1", "s2"), released=True), a_row(80, streams=("s3",))]
    assert set(last_claims(rows)[0].streams) == {"s3"}


def test_one_that_only_looked_and_withdrew_leaves_what_was_before() -> None:
    #  a: serves|runs out|looks, sees b, withdraws
    rows = [
        a_row(0, streams=("s1",)),
        a_row(100, streams=("s1",), serving=False),
        a_row(101, serving=False, released=True),
    ]
    (claim,) = last_claims(rows)
    assert (claim.streams, claim.served, claim.released) == (("s1",), {"s": START}, False)
    assert not claim.is_live(START + timedelta(seconds=101))


def test_one_that_only_ever_looked_and_withdrew_is_nobody() -> None:
    assert last_claims([a_row(0, serving=False), a_row(1, serving=False, released=True)]) == []


def test_who_looks_is_live_and_has_not_served() -> None:
    (claim,) = last_claims([a_row(0, serving=False)])
    assert claim.is_live(START + timedelta(seconds=1))
    assert claim.served == {}


def test_who_served_after_a_moment_is_found() -> None:
    (claim,) = last_claims([a_row(0), a_row(50, released=True)])
    assert claim.served_since({"s": START})
    assert not claim.served_since({"s": START + timedelta(seconds=50)})
    assert not claim.served_since({"another": START})


def test_each_process_of_an_engine_is_known_by_its_last_number() -> None:
    (claim,) = last_claims([a_row(0), a_row(1, run="second"), a_row(2), a_row(3, serving=False, released=True)])
    assert claim.numbers == {"run of a": 3, "second": 1}


def test_names_that_an_engine_states_again_are_those_of_its_row_before() -> None:
    #  a: s1|b: s2|a: the same|b: none|a: s3
    rows = [
        a_row(number, engine, streams, same_streams=same, same_subscriptions=number > 1)
        for number, (engine, streams, same) in enumerate(
            [("a", ("s1",), False), ("b", ("s2",), False), ("a", (), True), ("b", (), False), ("a", ("s3",), False)]
        )
    ]
    named = list(with_names(rows))
    assert [row["streams"] for row in named] == [["s1"], ["s2"], ["s1"], [], ["s3"]]
    assert [row["subscriptions"] for row in named] == [["s"]] * 5
