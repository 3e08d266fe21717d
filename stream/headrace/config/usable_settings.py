"""The settings as far as they can be used: each invalid one has its default, and its problem is known."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from headrace.config.profiles import Document
from headrace.config.setting_origins import Origin, Sources
from headrace.config.setting_tables import TABLES
from headrace.config.settings import Settings, problem_of, read_settings

NO_PROJECT: Final = "no-project"  # the value of `project` when it is missing; it has no default


@dataclass(frozen=True, slots=True)
class UsableSettings:
    """Settings with their origins. *problems* has sentences for each setting that is missing or invalid."""

    settings: Settings
    origins: Mapping[str, Origin]
    problems: Mapping[str, tuple[str, ...]]

    @property
    def has_project(self) -> bool:
        """Whether a project is named."""
        return "project" not in self.problems


def usable_settings(flags: Mapping[str, Any]) -> UsableSettings:
    """Read the settings; flags with the value None are ignored.

    Raises:
        SettingsError: ``headrace.toml``, or a variable with a table, cannot be read, or has unknown keys.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    problems: dict[str, list[str]] = defaultdict(list)
    try:
        settings = read_settings(given)
    except ValidationError as error:
        for each in error.errors():
            problems[str(each["loc"][0])].append(problem_of(each, given))
        settings = read_settings({**given, **{name: _default(name) for name in problems}})
    sources = Sources.of(given, os.environ, Document.read())
    origins = {".".join(key): sources.origin(key) for key in _keys()}
    return UsableSettings(settings, origins, {name: tuple(found) for name, found in problems.items()})


def values_of(settings: Settings) -> dict[str, Any]:
    """Return each setting by its key, such as ``dataset`` or ``dataflow.region``."""
    return {".".join(key): _value(settings, key) for key in _keys()}


def _keys() -> list[tuple[str, ...]]:
    tops = [(name,) for name in Settings.model_fields if name not in TABLES]
    return [*tops, *((table, name) for table, model in TABLES.items() for name in model.model_fields)]


def _value(values: Any, key: tuple[str, ...]) -> Any:
    for part in key:
        values = getattr(values, part)
    return values


def _default(name: str) -> Any:
    """Return the default of a setting. For a table it is an object, because pydantic merges dictionaries."""
    value = Settings.model_fields[name].get_default(call_default_factory=True)
    return NO_PROJECT if value is PydanticUndefined else value
