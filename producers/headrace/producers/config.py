"""The settings that a producer shares with the job: the same file, variables and order of precedence.

The names and rules are those of the job's settings; ``tests/producers/test_config.py`` compares them.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from headrace.errors import Exit, HeadraceError

T = TypeVar("T")
FILE: Final = Path("headrace.toml")
PREFIX: Final = "HEADRACE_"
PRODUCTION_PROFILES: Final = ("prod", "production")
PROJECT: Final = r"^[a-z][a-z0-9-]{2,61}[a-z0-9]$"
TOPIC: Final = r"(projects/[a-z][a-z0-9.:-]{2,100}[a-z0-9]/topics/)?[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
EMULATOR: Final = "PUBSUB_EMULATOR_HOST"
KEYS: Final = ("project", "contracts", "topics", "production")
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


class ProducerConfigError(HeadraceError, ValueError, error_code="HR-311", exit_code=Exit.CONFIGURATION):
    """A setting of a producer is missing or invalid. The message names it and where to set it, never its value."""


@dataclass(frozen=True, slots=True)
class ProducerConfig:
    """The Google Cloud project, the folder of the contracts, and the existing *topics* by subject."""

    project: str
    contracts: Path
    topics: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        *,
        project: str | None = None,
        contracts: Path | str | None = None,
        profile: str | None = None,
        file: Path | str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> ProducerConfig:
        """Read the settings: an argument overrides a variable, which overrides the profile, which overrides the file.

        *file* is ``headrace.toml`` in the working folder by default. Folders that it names are relative to its own
        folder; the others are relative to the working folder.

        Raises:
            ProducerConfigError: the file or a setting is missing or invalid, or a production profile meets an emulator.
        """
        sources = _Sources.of({"project": project, "contracts": contracts}, profile, file, environment)
        config = cls(sources.project(), sources.contracts(), sources.topics())
        if environment.get(EMULATOR) and sources.is_production():
            raise ProducerConfigError(
                f"{sources.name}: production: conflicts with {EMULATOR}, a production job uses no emulator; "
                f"run `unset {EMULATOR}`, or choose another profile"
            )
        return config

    def publisher(self, open_publisher: Callable[..., T]) -> T:
        """Return what *open_publisher* makes for the project, and for the topics if the settings name any."""
        return open_publisher(self.project, **({"topics": self.topics} if self.topics else {}))


@dataclass(frozen=True, slots=True)
class _Found:
    """A value, the *place* in which it was found, and the *folder* to which a path in it is relative."""

    value: Any
    place: str
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class _Sources:
    """The places of settings; *values* are those of the file, overridden by its profile. *name* is the file's."""

    arguments: Mapping[str, Any]
    environment: Mapping[str, str]
    values: Mapping[str, Any]
    name: Path
    is_there: bool

    @classmethod
    def of(
        cls,
        arguments: Mapping[str, Any],
        profile: str | None,
        file: Path | str | None,
        environment: Mapping[str, str],
    ) -> _Sources:
        name = FILE if file is None else Path(file)
        content = _read(name)
        if content is None and file is not None:
            raise ProducerConfigError(f"{name}: not found; name the file of your settings")
        chosen = profile or environment.get(f"{PREFIX}PROFILE") or None
        return cls(arguments, environment, _with_profile(content or {}, chosen, name), name, content is not None)

    def project(self) -> str:
        found = self._needed("project", 'project = "my-project"')
        if not isinstance(found.value, str) or not re.fullmatch(PROJECT, found.value):
            rule = "write the id of a Google Cloud project: 4 to 63 lower-case letters, digits and -"
            raise ProducerConfigError(f"{found.place}: not the id of a project; {rule}")
        return found.value

    def contracts(self) -> Path:
        found = self._needed("contracts", 'contracts = "contracts"')
        if not isinstance(found.value, str | Path) or not str(found.value):
            raise ProducerConfigError(f"{found.place}: not text; write the name of the folder of your .avsc files")
        return found.folder / found.value

    def topics(self) -> dict[str, str]:
        """Return the topics of the file, overridden by those of variables: a table in JSON, or one for each subject."""
        given = self.values.get("topics", {})
        topics = {**_checked_topics(given, f"{self.name}: topics")}
        variables = {name.upper(): name for name in self.environment}
        if name := variables.get(f"{PREFIX}TOPICS"):
            topics |= _checked_topics(_from_json(self.environment[name]), f"variable {name}")
        of_subjects = f"{PREFIX}TOPICS__"
        for upper, name in sorted(variables.items()):
            if upper.startswith(of_subjects):
                subject = upper.removeprefix(of_subjects).lower()
                topics |= _checked_topics({subject: self.environment[name]}, f"variable {name}")
        return topics

    def is_production(self) -> bool:
        found = self._find("production")
        value = found.value if found else False
        if isinstance(value, str):
            value = _BOOLEANS.get(value.lower())
        if found and not isinstance(value, bool):
            raise ProducerConfigError(f"{found.place}: not a boolean; write true or false")
        return bool(value)

    def _needed(self, key: str, example: str) -> _Found:
        if found := self._find(key):
            return found
        absent = "" if self.is_there else f", and there is no {self.name} in {Path.cwd()}"
        import difflib  # only an error needs it

        near = difflib.get_close_matches(key, self.values, n=1)
        remedy = f"did you mean {key} by {near[0]}?" if near else f"add {example} to {self.name}"
        raise ProducerConfigError(
            f"{key}: missing{absent}; {remedy}, or set it by argument or as {PREFIX}{key.upper()}"
        )

    def _find(self, key: str) -> _Found | None:
        if self.arguments.get(key) is not None:
            return _Found(self.arguments[key], key)
        variables = {name.upper(): name for name in self.environment}
        if name := variables.get(f"{PREFIX}{key.upper()}"):
            return _Found(self.environment[name], f"variable {name}")
        if key in self.values:
            return _Found(self.values[key], f"{self.name}: {key}", self.name.parent)
        return None


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _checked_topics(given: object, place: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ProducerConfigError(f"{place}: not a table; write the name of a topic for each subject")
    for subject, topic in given.items():
        if not isinstance(topic, str) or not re.fullmatch(TOPIC, topic):
            remedy = "write orders, or projects/acme-shop/topics/orders"
            raise ProducerConfigError(f"{place}: {subject}: not a topic; {remedy}")
    return given


def _read(file: Path) -> Mapping[str, Any] | None:
    """Return the content of the file, or None without a file."""
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        why, remedy = f"cannot be read ({error.strerror})", "name a TOML file that can be read"
    except UnicodeDecodeError:
        why, remedy = "not UTF-8 text", "save it as UTF-8"
    except ValueError as error:
        reason = error if isinstance(error, tomllib.TOMLDecodeError) else "a number with too many digits"
        why, remedy = f"not TOML ({reason})", "correct that line"
    except RecursionError:
        why, remedy = "not TOML (nested too deeply)", "nest fewer tables and lists"
    raise ProducerConfigError(f"{file}: {why}; {remedy}")


def _with_profile(content: Mapping[str, Any], profile: str | None, file: Path) -> Mapping[str, Any]:
    """Return the settings of *content*, overridden by those of *profile*."""
    profiles = content.get("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise ProducerConfigError(f"{file}: profile: not tables; write [profile.<name>]")
    top = {name: value for name, value in content.items() if name != "profile"}
    if profile is None:
        return top
    if profile not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ProducerConfigError(
            f"{file}: profile {profile}: no table [profile.{profile}]; known: {known}; choose one with the argument "
            f"profile or {PREFIX}PROFILE"
        )
    implied = {"production": True} if profile in PRODUCTION_PROFILES else {}
    chosen: dict[str, Any] = profiles[profile]
    below, above = top.get("topics"), chosen.get("topics")
    topics = {"topics": below | above} if isinstance(below, dict) and isinstance(above, dict) else {}
    return implied | top | chosen | topics
