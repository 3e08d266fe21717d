"""Read the prices from their file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from headrace.config.toml_positions import parse_toml
from headrace.errors import Exit, HeadraceError

NAMES: Final = (
    "pubsub_throughput",
    "dataflow_vcpu",
    "dataflow_memory",
    "dataflow_streaming_data",
    "dataflow_disk",
    "bigquery_ingestion",
    "bigquery_active_storage",
    "bigquery_long_term_storage",
    "bigquery_queries",
)


class PricesError(HeadraceError, ValueError, error_code="HR-902", exit_code=Exit.CONFIGURATION):
    """A file of prices is invalid. The message names the key, the error and the remedy."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one *unit* in US dollars; *free* units a month cost nothing."""

    usd: float
    unit: str
    source: str
    free: float = 0.0

    def of(self, quantity: float) -> float:
        """Return the dollars for *quantity* units in a month."""
        return max(0.0, quantity - self.free) * self.usd


@dataclass(frozen=True, slots=True)
class Prices:
    """A price for each of :data:`NAMES`, at the date *as_of* in *region*."""

    as_of: str
    region: str
    by_name: Mapping[str, Price]


def load_prices(path: Path | None = None) -> Prices:
    """Read *path*, or the prices that come with the program.

    Raises:
        PricesError: the file cannot be read, or lacks a price.
    """
    try:
        own = resources.files("headrace.planning.cost").joinpath("prices.toml")
        text = own.read_text("utf-8") if path is None else path.read_text("utf-8-sig")
        table = parse_toml(text)
    except OSError as error:
        raise PricesError(f"--prices {path}: cannot be read ({error.strerror}); name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PricesError(f"--prices {path}: not TOML ({error})") from None
    unknown = set(table) - {*NAMES, "as_of", "region"}
    if unknown:
        raise PricesError(f"--prices: {sorted(unknown)[0]}: unknown price; use some of {', '.join(NAMES)}")
    prices = {name: _price(name, table.get(name)) for name in NAMES}
    return Prices(str(table.get("as_of", "an unknown date")), str(table.get("region", "an unknown region")), prices)


def _price(name: str, table: Any) -> Price:
    if not isinstance(table, dict):
        raise PricesError(f"--prices: {name}: missing; write [{name}] with usd, unit and source")
    try:
        price = Price(**table)
    except TypeError:
        raise PricesError(f"--prices: {name}: invalid keys; write usd, unit, source and, optionally, free") from None
    if not all(isinstance(each, int | float) and each >= 0 for each in (price.usd, price.free)):
        raise PricesError(f"--prices: {name}: invalid usd or free; write numbers, 0 or more")
    return price
