"""What a load costs: quantities that can be checked by hand, and prices from one file."""

from __future__ import annotations

import json
import sys
from dataclasses import astuple, replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.beam import table_identities
from headrace.cli.app import main
from headrace.cli.commands.cost import show_estimate
from headrace.config.settings import Settings
from headrace.engine import claim_keeper, resource_watch, table_watch
from headrace.errors import Exit
from headrace.planning.cost import upkeep
from headrace.planning.cost.estimate import GIB, MONTH_SECONDS, TIB, Engine, Item, MonthlyLoad, envelope_bytes, estimate
from headrace.planning.cost.measure import Measured, total
from headrace.planning.cost.prices import NAMES, PricesError, load_prices

LOAD = MonthlyLoad(
    events_a_second=100,
    event_bytes=300,
    row_bytes=400,
    kept_days=400,
    queried_tib=3.0,
    refused=0.0,
    events_a_vcpu=1000,
)


EMBEDDED = replace(LOAD, engine=Engine.EMBEDDED, subjects=4)
MIB_10 = 10 * 2**20


def items(load: MonthlyLoad) -> dict[str, Item]:
    return {item.what: item for item in estimate(load, load_prices())}


def test_what_is_published_is_delivered_too() -> None:
    message = 300 + envelope_bytes() + 37
    assert items(LOAD)["Pub/Sub"].quantity == pytest.approx(100 * MONTH_SECONDS * 2 * message / TIB)


def test_rows_are_written_once_and_kept_for_their_days_the_old_ones_at_half_the_price() -> None:
    found = items(LOAD)
    written = 100 * MONTH_SECONDS * 400 / GIB
    assert found["BigQuery ingestion"].quantity == pytest.approx(written)
    assert found["BigQuery storage"].quantity == pytest.approx(written / 30.4375 * 90)
    assert found["BigQuery storage, old"].quantity == pytest.approx(written / 30.4375 * 310)
    assert "BigQuery storage, old" not in items(replace(LOAD, kept_days=90))


def test_events_that_no_message_holds_are_in_a_bucket_for_sixty_days() -> None:
    found = items(replace(LOAD, event_bytes=12_000_000))
    message = 256 + envelope_bytes() + 37
    assert found["Pub/Sub"].quantity == pytest.approx(100 * MONTH_SECONDS * 2 * message / TIB)
    assert found["Bucket, uploads"].quantity == found["Bucket, downloads"].quantity == 100 * MONTH_SECONDS / 1000
    assert found["Bucket, storage"].quantity == pytest.approx(100 * MONTH_SECONDS * 12_000_000 / GIB * 60 / 30.4375)
    assert "Bucket, storage" not in items(replace(LOAD, event_bytes=9_000_000))


def test_what_is_free_costs_nothing() -> None:
    assert items(LOAD)["BigQuery queries"].usd == pytest.approx(2 * 6.25)
    assert items(replace(LOAD, queried_tib=0.5))["BigQuery queries"].usd == 0


@pytest.mark.parametrize(("events", "workers"), [(1, 1), (2000, 1), (2001, 2), (10_000, 5)])
def test_workers_grow_with_the_rate(events: int, workers: int) -> None:
    load = replace(LOAD, events_a_second=events)
    assert load.workers == workers
    assert items(load)["Dataflow vCPUs"].quantity == pytest.approx(workers * 2 * 730.5)


def test_refused_events_cost_more_than_good_ones() -> None:
    good, bad = items(LOAD), items(replace(LOAD, refused=0.5))
    assert bad["Pub/Sub"].quantity > 1.4 * good["Pub/Sub"].quantity


def test_every_price_has_a_source_and_the_file_a_date() -> None:
    prices = load_prices()
    assert set(prices.by_name) == set(NAMES)
    assert all(each.source.startswith("https://") for each in prices.by_name.values())
    assert prices.as_of


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("[dataflow_disk]", "[dataflow_disc]", "line [0-9]+: dataflow_disc: no such key; did you mean dataflow_disk"),
        ("usd = 40.0\n", "", "pubsub_throughput.usd: missing; write usd = the price"),
        ("usd = 40.0", "usd = -1", "line [0-9]+: pubsub_throughput.usd: must be greater than or equal to 0; write"),
        ("usd = 40.0", 'usd = "much"', "pubsub_throughput.usd: must be a valid number; write"),
        (
            "[bigquery_queries]",
            "bigquery_queries = 3\n[x]",
            "long_term_storage.bigquery_queries: no such key; remove it, or use one of free",
        ),
        ("as_of", "as of", "not TOML"),
    ],
)
def test_a_wrong_file_of_prices_says_what_is_wrong(before: str, after: str, expected: str, tmp_path: Path) -> None:
    text = resources.files("headrace.planning.cost").joinpath("prices.toml").read_text()
    assert before in text
    (tmp_path / "prices.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(PricesError, match=expected):
        load_prices(tmp_path / "prices.toml")


@pytest.mark.parametrize("load", [LOAD, EMBEDDED], ids=lambda load: load.engine)
def test_the_table_fits_a_terminal_and_json_adds_up(
    load: MonthlyLoad, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_estimate(load, None, "table")
    shown = capsys.readouterr()
    assert [line for line in (shown.out + shown.err).splitlines() if len(line.rstrip()) > 80] == []
    show_estimate(load, None, "json")
    output = json.loads(capsys.readouterr().out)
    assert output["usd_a_month"] == pytest.approx(sum(item["usd"] for item in output["items"]))


def test_subjects_are_added_up_by_their_events() -> None:
    few, many = Measured("few", 100, 1.0, 0.5, 1000), Measured("many", 300, 3.0, 0.1, 200)
    assert astuple(total([few, many])) == ("all", 400, 4.0, pytest.approx(0.2), 400)
    assert total([few, replace(many, row_bytes=None)]).row_bytes == 1000
    assert total([]) == Measured("all", 0, 0.0, 0.0, None)


def test_the_engine_asks_for_rows_every_ten_minutes_and_reads_half_a_day_of_ids_on_average() -> None:
    # 25 events a second in each table: 2,160,000 rows of 46 bytes at the end of the day, 99.4 MB
    whole = 25 * 86_400 * 46
    asked = range(144)  # a day's queries, one every ten minutes
    a_day = sum(max(MIB_10, whole * (each + 0.5) / 144) for each in asked)
    found = items(EMBEDDED)["Engine's queries, rows"]
    assert found.quantity == pytest.approx(4 * a_day * MONTH_SECONDS / 86_400 / TIB, rel=0.001)


@pytest.mark.parametrize("events_a_second", [0.001, 2.6])
def test_a_query_of_few_rows_is_billed_ten_megabytes(events_a_second: float) -> None:
    found = items(replace(EMBEDDED, events_a_second=events_a_second, subjects=1))["Engine's queries, rows"]
    assert found.quantity * TIB == pytest.approx(MIB_10 * MONTH_SECONDS / 600)


@given(st.floats(1, 1e9))
def test_a_query_is_billed_no_less_than_the_least_and_no_more_than_a_whole_day(events_a_day: float) -> None:
    billed = upkeep.row_query_bytes(events_a_day)
    assert MIB_10 <= billed <= max(MIB_10, events_a_day * 46)


def test_claims_are_tidied_every_hour() -> None:
    assert items(EMBEDDED)["Engine's queries, claims"].quantity * TIB == pytest.approx(MIB_10 * 730.5)


def test_what_is_free_of_a_price_is_free_once() -> None:
    found = items(replace(EMBEDDED, queried_tib=0.75))
    queries = [found[each] for each in ("BigQuery queries", "Engine's queries, rows", "Engine's queries, claims")]
    assert queries[0].usd == 0
    assert sum(each.usd for each in queries) == pytest.approx(6.25 * (sum(each.quantity for each in queries) - 1))


def test_looks_cost_nothing_on_both_engines() -> None:
    looks, on_dataflow = items(EMBEDDED)["Engine's checks"], items(LOAD)["Job's checks of tables"]
    # 4 tables and the tallies in 10 s; 4 tables, 4 subscriptions and the dead letters' in 30 s; the claim's two in 10 s
    assert looks.quantity == pytest.approx(MONTH_SECONDS * (0.5 + 9 / 30 + 0.2))
    assert on_dataflow.quantity == pytest.approx(MONTH_SECONDS * 2 / 10)
    assert looks.usd == on_dataflow.usd == 0


def test_each_engine_has_its_own_items() -> None:
    assert not [each for each in items(EMBEDDED) if each.startswith("Dataflow")]
    assert not [each for each in items(LOAD) if each.startswith("Engine's")]


def test_the_estimate_uses_the_intervals_of_the_engine() -> None:
    lease = Settings(project="some-project").lease_seconds
    assert (upkeep.ROW_SECONDS, upkeep.LOOK_SECONDS) == (table_watch.WITNESS_SECONDS, table_watch.LOOK_SECONDS)
    assert upkeep.LOOK_SECONDS == table_identities.CACHE_SECONDS
    assert upkeep.PROPERTY_SECONDS == resource_watch.CHECK_SECONDS
    assert lease / 3 == upkeep.LEASE_LOOK_SECONDS
    assert claim_keeper.KEPT.total_seconds() / 2 == upkeep.CLAIM_SECONDS


def test_an_unknown_engine_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["headrace", "cost", "estimate", "--rate", "1", "--event-bytes", "1", "--engine", "spark"]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.USAGE
    assert "use one of dataflow, embedded" in capsys.readouterr().err
