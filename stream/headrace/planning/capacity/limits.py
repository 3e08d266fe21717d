"""Quotas, limits and assumptions, read from a file of their own."""

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
    "bigquery_write_bytes_multi",
    "bigquery_write_bytes_single",
    "bigquery_connections_multi",
    "bigquery_connections_single",
    "bigquery_streams_made",
    "bigquery_stream_bytes",
    "bigquery_append_bytes",
    "bigquery_partitions",
    "bigquery_load_jobs",
    "bigquery_columns",
    "pubsub_publish_bytes",
    "pubsub_pull_bytes",
    "pubsub_stream_bytes",
    "pubsub_ack_seconds",
    "dataflow_workers",
    "dataflow_engine_bytes",
    "dataflow_value_bytes",
    "dataflow_commit_bytes",
    "assumed_busy",
    "assumed_batch_messages",
    "assumed_cycle_seconds",
    "assumed_takeover_seconds",
)


class CapacityError(HeadraceError, ValueError, error_code="HR-901", exit_code=Exit.CONFIGURATION):
    """A file of the model or an option is invalid. The message names it, the error and the remedy."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of *value* in *unit*, by *source* on the day *looked_at*; *note* explains one that is not *checked*."""

    value: float
    unit: str
    looked_at: str
    checked: bool
    source: str
    note: str = ""


Limits = Mapping[str, Limit]


def load_limits(path: Path | None = None) -> Limits:
    """Read *path*, or the limits that come with the program: one for each of :data:`NAMES`.

    Raises:
        CapacityError: the file cannot be read, or lacks a limit.
    """
    table = read_toml(path, "--limits", "limits.toml")
    unknown = set(table) - set(NAMES)
    if unknown:
        raise CapacityError(f"--limits: {sorted(unknown)[0]}: unknown limit; use some of {', '.join(NAMES)}")
    return {name: _limit(name, table.get(name)) for name in NAMES}


def read_toml(path: Path | None, option: str, own: str) -> dict[str, Any]:
    """Read the TOML file *path*, which *option* named, or our *own* file. Raises CapacityError."""
    try:
        text = (
            resources.files("headrace.planning.capacity").joinpath(own).read_text("utf-8")
            if path is None
            else path.read_text("utf-8-sig")
        )
        return parse_toml(text)
    except OSError as error:
        raise CapacityError(f"{option} {path}: cannot be read ({error.strerror}); name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CapacityError(f"{option} {path}: not TOML ({error})") from None


def _limit(name: str, table: Any) -> Limit:
    if not isinstance(table, dict):
        raise CapacityError(
            f"--limits: {name}: missing; write [{name}] with value, unit, looked_at, checked and source"
        )
    try:
        limit = Limit(**table)
    except TypeError:
        raise CapacityError(
            f"--limits: {name}: invalid keys; write value, unit, looked_at, checked, source and, optionally, note"
        ) from None
    if not isinstance(limit.value, int | float) or isinstance(limit.value, bool) or limit.value <= 0:
        raise CapacityError(f"--limits: {name}: invalid value; write a number above 0")
    return limit
