"""Read the prices from their file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import Field

from headrace.config.file_model import FileModel
from headrace.config.toml_file import TomlFile
from headrace.errors import Exit, HeadraceError


class PricesError(HeadraceError, ValueError, error_code="HR-902", exit_code=Exit.CONFIGURATION):
    """A file of prices is invalid. The message names the key, the error and the remedy."""


class Price(FileModel):
    """The price of one *unit* in US dollars; *free* units a month cost nothing."""

    usd: float = Field(ge=0, description="the price of one unit in US dollars")
    unit: str = Field(description='"GiB", or another unit')
    source: str = Field(description="the address of the page that gives the price")
    free: float = Field(default=0.0, ge=0, description="the units a month that cost nothing")

    def of(self, quantity: float) -> float:
        """Return the dollars for *quantity* units in a month."""
        return max(0.0, quantity - self.free) * self.usd


class Prices(FileModel):
    """A price for each of :data:`NAMES`, at the date *as_of* in *region*."""

    as_of: str = "an unknown date"
    region: str = "an unknown region"
    pubsub_throughput: Price
    dataflow_vcpu: Price
    dataflow_memory: Price
    dataflow_streaming_data: Price
    dataflow_disk: Price
    bigquery_ingestion: Price
    bigquery_active_storage: Price
    bigquery_long_term_storage: Price
    bigquery_queries: Price
    storage_writes: Price
    storage_reads: Price
    storage_kept: Price

    @property
    def by_name(self) -> Mapping[str, Price]:
        """A price for each of :data:`NAMES`."""
        return {name: getattr(self, name) for name in NAMES}


NAMES: Final = tuple(name for name, each in Prices.model_fields.items() if each.annotation is Price)


def load_prices(path: Path | None = None) -> Prices:
    """Read *path*, or the prices that come with the program.

    Raises:
        PricesError: the file cannot be read, or lacks a price.
    """
    if path is not None:
        return TomlFile.read(path, _failed).check(Prices)
    own = resources.files("headrace.planning.cost").joinpath("prices.toml")
    return TomlFile.parse("prices.toml", own.read_bytes(), _failed).check(Prices)


def _failed(where: str, why: str, remedy: str) -> PricesError:
    return PricesError(f"--prices: {where}: {why}; {remedy}")
