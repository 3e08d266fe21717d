"""What the DAGs need to know, from a TOML file: read once when they are parsed, and checked. No secrets."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

_HERE: Final = Path(__file__).resolve().parent.parent
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


class SettingsError(ValueError):
    """The file does not say what the DAGs need; names the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told what became of a run."""

    to: list[str]
    smtp_conn_id: str = "smtp_default"
    on_success: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """What is looked at every night; durations such as ``7d``."""

    schedule: str = "30 3 * * *"
    since: str = "3d"
    older_than: str = "7d"
    complete_within: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """The Flex Template of the backfill, and how it is launched."""

    template: str
    service_account: str
    temp_location: str
    environment: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """One kind of file that comes every day; ``{day}`` in *file* stands for it."""

    subject: str
    table: str
    bucket: str
    file: str
    start: date
    mapping: str | None = None
    schedule: str = "0 6 * * *"
    wait_hours: float = 12
    least_rows: int = 1
    newest_within: str = "24h"

    @property
    def first_run(self) -> datetime:
        """Midnight (UTC) of the first day."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything."""

    project: str
    region: str
    dataflow: Dataflow
    backfill: list[Backfill]
    nightly: Nightly = field(default_factory=Nightly)
    notify: Notify | None = None
    location: str = "EU"
    dataset: str = "headrace"
    job: str = "headrace"
    provision_job: str = "headrace-provision"
    google_conn_id: str = "google_cloud_default"
    retries: int = 2
    retry_minutes: float = 5


_Part = TypeVar("_Part", Backfill, Dataflow, Nightly, Notify, Settings)


def load_settings() -> Settings:
    """Read ``HEADRACE_DAGS_SETTINGS``, or the file beside the DAGs.

    Raises:
        SettingsError: a key is missing, misspelt, or not a duration.
    """
    path = Path(os.environ.get("HEADRACE_DAGS_SETTINGS") or _HERE / "settings.toml")
    given = tomllib.loads(path.read_text("utf-8-sig"))
    feeds = [_built(Backfill, each, "backfill") for each in given.pop("backfill", [])]
    for each in feeds:
        seconds(each.newest_within, "backfill.newest_within")
        if "{day}" not in each.file:
            raise SettingsError("backfill.file: without {day} every day would load the same file")
    parts: dict[str, Any] = {"backfill": feeds, "dataflow": _built(Dataflow, given.pop("dataflow", {}), "dataflow")}
    parts["nightly"] = _built(Nightly, given.pop("nightly", {}), "nightly")
    notify = given.pop("notify", None)
    parts["notify"] = None if notify is None else _built(Notify, notify, "notify")
    return _built(Settings, given | parts, path.name)


def seconds(duration: str, name: str) -> int:
    """How long ``90m``, ``6h`` or ``2d`` is.

    >>> seconds("6h", "since")
    21600

    Raises:
        SettingsError: invalid duration.
    """
    match = re.fullmatch(r"([0-9]+)([mhd])", duration)
    if match is None:
        raise SettingsError(f'{name}: invalid duration; write a number and m, h or d, such as "6h"')
    return int(timedelta(**{_UNITS[match[2]]: int(match[1])}).total_seconds())


def _built(class_: type[_Part], given: Mapping[str, Any], place: str) -> _Part:
    known = {each.name: each for each in fields(class_)}
    unknown = sorted(set(given) - set(known))
    missing = sorted(n for n, f in known.items() if n not in given and f.default is f.default_factory is MISSING)
    if unknown or missing:
        wrong = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise SettingsError(f"{place}: {'; '.join(wrong)}")
    return class_(**given)
