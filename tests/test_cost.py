"""What a load costs: quantities that can be checked by hand, and prices from one file."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from stream.commands.cost import show_estimate
from stream.cost.estimate import GIB, MONTH_SECONDS, TIB, Item, Load, envelope_bytes, estimate
from stream.cost.measure import Measured, total
from stream.cost.prices import NAMES, PricesError, load_prices

LOAD = Load(
    events_a_second=100,
    event_bytes=300,
    row_bytes=400,
    kept_days=400,
    queried_tib=3.0,
    refused=0.0,
    events_a_vcpu=1000,
)


def items(load: Load) -> dict[str, Item]:
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
    ("before", "after", "says"),
    [
        ("[dataflow_disk]", "[dataflow_disc]", "dataflow_disc: no such price"),
        ("usd = 40.0\n", "", "pubsub_throughput: write usd"),
        ("usd = 40.0", "usd = -1", "pubsub_throughput: usd and free are numbers"),
        ("usd = 40.0", 'usd = "much"', "pubsub_throughput: usd and free are numbers"),
        ("[bigquery_queries]", "bigquery_queries = 3\n[x]", "x: no such price"),
        ("as_of", "as of", "not TOML"),
    ],
)
def test_a_wrong_file_of_prices_says_what_is_wrong(before: str, after: str, says: str, tmp_path: Path) -> None:
    text = resources.files("stream.cost").joinpath("prices.toml").read_text()
    assert before in text
    (tmp_path / "prices.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(PricesError, match=says):
        load_prices(tmp_path / "prices.toml")


def test_the_table_fits_a_terminal_and_json_adds_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_estimate(LOAD, None, "table")
    shown = capsys.readouterr()
    assert [line for line in (shown.out + shown.err).splitlines() if len(line.rstrip()) > 80] == []
    show_estimate(LOAD, None, "json")
    said = json.loads(capsys.readouterr().out)
    assert said["usd_a_month"] == pytest.approx(sum(item["usd"] for item in said["items"]))


def test_subjects_are_added_up_by_their_events() -> None:
    few, many = Measured("few", 100, 1.0, 0.5, 1000), Measured("many", 300, 3.0, 0.1, 200)
    assert total([few, many]) == Measured("all", 400, 4.0, pytest.approx(0.2), 400)
    assert total([few, replace(many, row_bytes=None)]).row_bytes == 1000
    assert total([]) == Measured("all", 0, 0.0, 0.0, None)
