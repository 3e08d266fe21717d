"""Settings, where each has its value from, and variables that no setting reads."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from headrace.config.setting_origins import PREFIX, Source
from headrace.config.setting_tables import TABLES
from headrace.config.settings import SET_IT, Settings
from headrace.config.usable_settings import UsableSettings, values_of
from headrace.doctor.findings import Finding, Level, ok, stated

OTHER_VARIABLES: Final = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "ACTOR",
        "CRASH_AT",
        "DEBUG",
        "OUTBOX_DATABASE_URL",
        "PUBSUB_EMULATOR_JAR",
        "PUBSUB_SERVICE",
        "PURE",
        "WHEEL_PLATFORM",
    )
)
_FILES: Final = (
    "masking_key_file",
    "archive_key_file",
    "schema_registry.password_file",
    "schema_registry.token_file",
    "schema_registry.client_key_file",
)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as a report shows it. *place* is the flag, the variable, or the file with its line."""

    key: str
    value: str | None
    source: Source
    place: str


def shown_settings(usable: UsableSettings) -> list[ShownSetting]:
    """Return every valid setting with its origin.

    The name of a key file is shown only if there is such a file: somebody may have set the key itself.
    """
    values = values_of(usable.settings)
    return [
        ShownSetting(key, _text(key, values[key]), origin.source, origin.place)
        for key, origin in usable.origins.items()
        if key.partition(".")[0] not in usable.problems
    ]


def judge_settings(usable: UsableSettings, shown: list[ShownSetting]) -> Iterator[Finding]:
    """Yield the invalid settings, those that do not have their default, and the number of the others."""
    for key, sentences in usable.problems.items():
        for sentence in sentences:
            yield _invalid(key, sentence)
    given = [each for each in shown if each.source is not Source.DEFAULT]
    for each in given:
        yield ok(each.key, f"{each.value} ({each.place})")
    yield ok("others", f"{len(shown) - len(given)} settings have their defaults (--json lists them)")


def judge_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the variables ``HEADRACE_*`` that nothing reads; their values may be secret."""
    known = _variables()
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known | OTHER_VARIABLES:
            yield Finding(Level.WARNING, name, "no setting reads this variable", _instead(name.upper(), known))


def _variables() -> frozenset[str]:
    inner = (f"{table}__{name}" for table, model in TABLES.items() for name in model.model_fields)
    return frozenset(f"{PREFIX}{name}".upper() for name in (*Settings.model_fields, *inner))


def _instead(name: str, known: Collection[str]) -> str:
    endings = {each.removeprefix(PREFIX): each for each in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), list(endings), n=1)
    return f"did you mean {endings[near[0]]}?" if near else "remove it, or use a variable of docs/settings.md"


def _invalid(key: str, sentence: str) -> Finding:
    found = stated(Level.PROBLEM, key, sentence)
    return Finding(found.level, found.subject, found.what, found.remedy or SET_IT)


def _text(key: str, value: Any) -> str | None:
    match value:
        case None:
            return None
        case timedelta():
            return f"{value.total_seconds():g}s"
        case Path() if key in _FILES and not value.is_file():
            return "(no such file)"
        case bool():
            return str(value).lower()
        case dict():
            return ", ".join(f"{name} = {each}" for name, each in value.items()) or "none"
        case tuple():
            return ", ".join(each.name for each in value) or "none"
        case _:
            return str(value)
