"""Quotas, limits and assumptions, read from a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import Field

from headrace.config.file_model import FileModel
from headrace.config.toml_file import TomlFile
from headrace.errors import Exit, HeadraceError


class CapacityError(HeadraceError, ValueError, error_code="HR-901", exit_code=Exit.CONFIGURATION):
    """A file of the model or an option is invalid. The message names it, the error and the remedy."""


class Limit(FileModel):
    """A limit of *value* in *unit*, by *source* on the day *looked_at*; *note* explains one that is not *checked*."""

    value: float = Field(gt=0, description="a number above 0")
    unit: str = Field(description='"B/s", or another unit')
    looked_at: str = Field(description='"2026-11-27", the day on which the source said so')
    checked: bool = Field(description="true, or false and a note")
    source: str = Field(description="the address of the page that gives the limit")
    note: str = ""


class _LimitsFile(FileModel):
    bigquery_write_bytes_multi: Limit
    bigquery_write_bytes_single: Limit
    bigquery_connections_multi: Limit
    bigquery_connections_single: Limit
    bigquery_streams_made: Limit
    bigquery_stream_bytes: Limit
    bigquery_append_bytes: Limit
    bigquery_partitions: Limit
    bigquery_load_jobs: Limit
    bigquery_columns: Limit
    pubsub_publish_bytes: Limit
    pubsub_pull_bytes: Limit
    pubsub_stream_bytes: Limit
    pubsub_ack_seconds: Limit
    dataflow_workers: Limit
    dataflow_engine_bytes: Limit
    dataflow_value_bytes: Limit
    dataflow_commit_bytes: Limit
    assumed_busy: Limit
    assumed_batch_messages: Limit
    assumed_cycle_seconds: Limit
    assumed_takeover_seconds: Limit


NAMES: Final = tuple(_LimitsFile.model_fields)
Limits = Mapping[str, Limit]


def load_limits(path: Path | None = None) -> Limits:
    """Read *path*, or the limits that come with the program: one for each of :data:`NAMES`.

    Raises:
        CapacityError: the file cannot be read, or lacks a limit.
    """
    if path is None:
        return dict(own_file("limits.toml").check(_LimitsFile))
    return dict(TomlFile.read(path, _failed).check(_LimitsFile))


def own_file(name: str) -> TomlFile:
    """Read a file that comes with the program."""
    own = resources.files("headrace.planning.capacity").joinpath(name)
    return TomlFile.parse(name, own.read_bytes(), _failed)


def _failed(where: str, why: str, remedy: str) -> CapacityError:
    return CapacityError(f"--limits: {where}: {why}; {remedy}")
