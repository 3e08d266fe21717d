"""The origin of each setting: a flag, a variable, a line of ``headrace.toml``, the profile's name, or the default."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headrace.config.file_model import Key, is_within
from headrace.config.profiles import Document

PREFIX: Final = "HEADRACE_"
PRODUCTION_PROFILES: Final = ("prod", "production")


def chosen_profile(flag: object, environment: Mapping[str, str]) -> str | None:
    """Return the profile that *flag* or the variable names."""
    named = flag or environment.get(f"{PREFIX}PROFILE")
    return str(named) if named else None


class Source(StrEnum):
    """The kind of place from which a setting has its value."""

    FLAG = "flag"
    VARIABLE = "variable"
    FILE = "file"
    PROFILE = "profile"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting has its value from: the *source*, its *place* for people, and the full *key* in that place."""

    source: Source
    place: str
    key: Key


@dataclass(frozen=True, slots=True)
class Sources:
    """The places of settings: the names that *flags* give, the variables, and the file with the chosen *profile*."""

    flags: Collection[str]
    environment: Mapping[str, str]
    document: Document
    profile: str | None

    @classmethod
    def of(cls, flags: Mapping[str, object], environment: Mapping[str, str], document: Document) -> Sources:
        """Return the places for these *flags*, which may name the profile."""
        return cls(flags, environment, document, chosen_profile(flags.get("profile"), environment))

    def origin(self, key: Key) -> Origin:
        """Return where the setting *key* has its value from."""
        if key[0] in self.flags:
            return Origin(Source.FLAG, f"--{key[0].replace('_', '-')}", key)
        if variable := _variable(key, self.environment):
            return Origin(Source.VARIABLE, variable, key)
        if found := self.document.where(key, self.profile):
            return Origin(Source.FILE, found[1], found[0])
        if key == ("production",) and self.profile in PRODUCTION_PROFILES:
            return Origin(Source.PROFILE, f"profile {self.profile}", key)
        return Origin(Source.DEFAULT, "default", key)


def _variable(key: Key, environment: Mapping[str, str]) -> str | None:
    """Return the variable that gives *key*, in upper or lower case; a variable may also hold a whole table as JSON."""
    variables = {name.upper(): name for name in environment}
    exact = PREFIX + "__".join(key).upper()
    if exact in variables:
        return variables[exact]
    table = variables.get(PREFIX + key[0].upper())
    return table if table and _has(environment[table], key[1:]) else None


def _has(text: str, key: Key) -> bool:
    try:
        values = json.loads(text)
    except ValueError:
        return False
    return is_within(values, key)
