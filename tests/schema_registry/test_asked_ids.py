"""A command that shows or replays letters asks the registry as the job does, and pins nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.core.dead_letter import Reason
from headrace.dead_letters.explain import explain
from headrace.dead_letters.replay_forecast import Forecast, Forecaster
from headrace.schema_registry.asked_ids import AskedIds, ids_asked_of
from headrace.schema_registry.id_rules import ASKED_AT_ONCE, NOT_FOUND, UNASKED
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Registry
from tests.support.foreign_orders import CONFLUENT, OFFSET, SUBJECT, a_datum, an_order_contract, framed, orders
from tests.support.letters import a_letter
from tests.support.registry_ids import V1, IdsUnderTest
from tests.support.registry_server import RegistryServer, a_registry


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry() as running:
        yield running


@pytest.fixture
def under_test(server: RegistryServer, tmp_path: Path) -> IdsUnderTest:
    return IdsUnderTest(server, tmp_path)


def asked(under_test: IdsUnderTest) -> AskedIds:
    return AskedIds("order_placed", IdSpace.CONTENT, {V1: 1}, under_test.client, lambda: under_test.time)


def test_an_id_counts_only_for_a_schema_of_the_subject(under_test: IdsUnderTest) -> None:
    ids = asked(under_test)
    assert (ids.version_of(6), ids.version_of(7)) == (1, None)
    assert ids.why_not(7) == "its schema id names another schema than those of order_placed"
    assert not under_test.pins.of("order_placed").ids


def test_an_id_is_asked_for_once_whatever_the_answer(under_test: IdsUnderTest) -> None:
    ids = asked(under_test)
    for _ in range(3):
        ids.learn([6, 999_999])
    assert ids.why_not(999_999) == NOT_FOUND
    assert len(under_test.server.paths("/ids/")) == 2


def test_many_unknown_ids_are_no_flood(under_test: IdsUnderTest) -> None:
    ids = asked(under_test)
    ids.learn(range(100_000, 100_000 + 10 * ASKED_AT_ONCE))
    assert ids.why_not(100_000 + 10 * ASKED_AT_ONCE - 1) == UNASKED
    assert len(under_test.server.paths("/ids/")) == ASKED_AT_ONCE


def test_a_registry_that_is_away_is_asked_once(under_test: IdsUnderTest) -> None:
    under_test.server.away = True
    ids = asked(under_test)
    ids.learn([6, 7])
    assert ids.version_of(6) is None
    assert "cannot be asked for now" in ids.why_not(7)
    assert len(under_test.server.paths("/ids/")) == 1


def test_a_letter_passes_once_its_schema_has_become_a_version(under_test: IdsUnderTest) -> None:
    letter = a_letter(
        "m1", an_order_contract(), data=framed(a_datum(2), 8), attributes=OFFSET, reason=Reason.UNKNOWN_SCHEMA
    )
    under_test.server.give_id(8, an_order_contract(2).json)
    after = orders(**CONFLUENT)
    before = Registry({each.ref: each for each in after if each.ref.version == 1})
    forecasts = []
    for contracts in (before, after):
        ask_for = ids_asked_of(under_test.client, contracts)
        (found,) = Forecaster(contracts, ask_for=ask_for).forecast([letter])
        explained = explain(contracts, SUBJECT, letter.attributes, letter.data, ask_for=ask_for)
        assert explained.would_decode.accepted == (found.forecast is Forecast.PASSES)
        forecasts.append((found.forecast, explained.claimed))
    assert forecasts == [(Forecast.FAILS, None), (Forecast.PASSES, f"{SUBJECT}.v2")]
    (unasked,) = Forecaster(after).forecast([letter])
    assert unasked.forecast is Forecast.FAILS
