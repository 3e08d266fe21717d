"""What engines state in the table of claims, and what its rows say of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.rpc import code_pb2

from headrace.bigquery.append_result import Answer
from headrace.bigquery.service_tables import engines_table
from headrace.core.resource_names import ENGINES, Names
from headrace.engine.subscription_claims import Statement, SubscriptionClaims, last_claims, with_names
from headrace.schemas.envelope import to_micros
from tests.support.bigquery_in_memory import Streams, Warehouse

NAMES = Names("p")
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


def test_an_engine_that_only_looked_and_withdrew_has_no_claim() -> None:
    assert last_claims([a_row(0, serving=False), a_row(1, serving=False, released=True)]) == []


def test_an_engine_that_only_looks_is_live_and_has_not_served() -> None:
    (claim,) = last_claims([a_row(0, serving=False)])
    assert claim.is_live(START + timedelta(seconds=1))
    assert claim.served == {}


def test_an_engine_that_served_after_a_moment_is_found() -> None:
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


def test_streams_stay_in_question_regardless_of_the_names_of_later_ones() -> None:
    (claim,) = last_claims([a_row(0, streams=("s2",)), a_row(60, streams=("s1",))])
    assert set(claim.streams) == {"s1", "s2"}


def test_an_engine_that_no_longer_reads_a_subscription_has_served_it_once() -> None:
    (claim,) = last_claims([a_row(0), a_row(10, subscriptions=["t"])])
    assert claim.served == {"s": START, "t": START + timedelta(seconds=10)}


def test_a_withdrawn_claim_does_not_hide_a_later_one() -> None:
    rows = [a_row(0, serving=False), a_row(1, serving=False, released=True), a_row(2, engine="b")]
    assert [claim.engine for claim in last_claims(rows)] == ["b"]


@dataclass
class Table:
    """The table of claims, and BigQuery's *now*."""

    now: datetime = START

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(lambda: to_micros(self.now))
        self.warehouse.make(engines_table("p", "headrace"))
        self.streams = Streams(self.warehouse)

    def claims(self, engine: str, *subscriptions: str) -> SubscriptionClaims:
        found: dict[str, Any] = {"client": self.warehouse, "streams": self.streams}
        return SubscriptionClaims(
            engine,
            f"run of {engine}",
            holder=f"holder of {engine}",
            subscriptions=subscriptions or ["s"],
            path=NAMES.table(ENGINES),
            sql=NAMES.sql(ENGINES),
            **found,
        )

    def state(self, claims: SubscriptionClaims, number: int, *streams: str, **more: Any) -> None:
        until = self.now + timedelta(seconds=30)
        claims.state(Statement(number, self.now, until, set(streams), **{"serving": True} | more))


def test_what_an_engine_states_is_read_by_itself_and_by_others_of_the_same_subscriptions() -> None:
    table = Table()
    for number, engine in enumerate("cab"):
        table.state(table.claims(engine), number, "s2", "s1")
    table.state(table.claims("far away", "another"), 9)
    table.now += timedelta(seconds=7)
    look = table.claims("b").look()
    assert look.now == table.now
    assert look.own is not None
    assert (look.own.engine, look.own.holder, look.own.numbers) == ("b", "holder of b", {"run of b": 2})
    assert look.own.streams == ("s1", "s2")
    assert look.own.served == {"s": START}
    assert look.own.until == START + timedelta(seconds=30)
    assert [each.engine for each in look.others] == ["c", "a"]
    assert table.claims("b").now() == table.now


def test_names_that_are_stated_again_are_read_as_they_were() -> None:
    table = Table()
    claims = table.claims("a")
    for number in range(3):
        table.state(claims, number, "s1")
    own = claims.look().own
    assert own is not None
    assert (own.streams, own.served) == (("s1",), {"s": START})


def test_a_single_statement_is_read() -> None:
    table = Table()
    table.state(table.claims("a"), 0)
    look = table.claims("a").look()
    assert (look.now, look.own is not None, look.others) == (START, True, [])


def test_the_time_is_known_without_any_statement() -> None:
    table = Table()
    assert table.claims("a").look() == (START, None, [])


def test_a_recreated_table_has_another_identity() -> None:
    table = Table()
    before = table.claims("a").identity()
    same = table.claims("b").identity()
    table.warehouse.make(engines_table("p", "headrace"))
    assert before == same != table.claims("a").identity()


def test_old_statements_of_these_engines_are_forgotten_and_no_others() -> None:
    table = Table()
    for number in range(2):
        for engine in "ab":
            table.state(table.claims(engine), number)
        table.state(table.claims("a", "s", "t"), number + 10)
        table.now += timedelta(hours=1)
    table.claims("a").forget(["a"], START + timedelta(minutes=1))
    left = [(row["engine"], row["number"]) for row in table.warehouse.rows(ENGINES)]
    assert left == [("b", 0), ("a", 10), ("a", 1), ("b", 1), ("a", 11)]


def test_a_statement_that_is_not_taken_is_an_error_of_the_service() -> None:
    table = Table()
    table.streams.append = lambda *_: Answer(code_pb2.PERMISSION_DENIED)  # type: ignore[method-assign]
    with pytest.raises(Forbidden, match="the claim was not taken"):
        table.state(table.claims("a"), 0)
