"""Read ``headrace.toml`` with its profiles: ``[profile.prod]`` overrides the settings above it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.config.file_model import Key, is_within, unknown_key
from headrace.config.toml_file import TomlFile
from headrace.errors import Exit, HeadraceError

FILE = Path("headrace.toml")


class SettingsError(HeadraceError, ValueError, error_code="HR-303", exit_code=Exit.CONFIGURATION):
    """A setting is missing, misspelt or out of range. The message names it and where to set it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A settings file; a missing file is empty."""

    file: TomlFile

    @classmethod
    def read(cls, path: Path = FILE) -> Document:
        """Read and parse the file. Raises SettingsError when it exists and is not TOML."""
        return cls(TomlFile.read(path, _failed, may_be_absent=True))

    @property
    def path(self) -> str:
        """The name of the file."""
        return self.file.name

    @property
    def values(self) -> Mapping[str, Any]:
        """The content of the file, with all profiles."""
        return self.file.values

    @property
    def profiles(self) -> Mapping[str, Any]:
        """The profiles by name."""
        found = self.values.get("profile", {})
        if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
            raise SettingsError(f"{self.place(('profile',))}: profile: not tables; write [profile.<name>]")
        return found

    def place(self, key: Key) -> str:
        """Return file and line of *key* for a message."""
        return self.file.place(key)

    def where(self, key: Key, profile: str | None) -> tuple[Key, str] | None:
        """Return the full key and the place from which *key* has its value, or None if the file lacks it."""
        if key == ("profile",):  # the file has the profiles; a flag or a variable chooses one
            return None
        candidates = [("profile", profile, *key), key] if profile else [key]
        found = next((each for each in candidates if is_within(self.values, each)), None)
        return (found, self.place(found)) if found else None

    def settings(self, profile: str | None) -> dict[str, Any]:
        """Return the values for *profile*. Raises SettingsError for an unknown profile."""
        top = {name: value for name, value in self.values.items() if name != "profile"}
        if profile is None:
            return top
        if profile not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise SettingsError(
                f"{self.place(('profile',))}: profile {profile}: no table [profile.{profile}]; "
                f"known: {known}; choose one with --profile or HEADRACE_PROFILE"
            )
        return _over(top, self.profiles[profile])

    def check_keys(self, known: Mapping[str, Collection[str] | None]) -> None:
        """Refuse an unknown key in any table; *known* maps each key to the keys of its table."""
        problems = self._unknown((), {**self.values}, {**known, "profile": None})
        for name, table in self.profiles.items():
            problems += self._unknown(("profile", name), table, known)
        if problems:
            raise SettingsError("; ".join(problems))

    def _unknown(self, at: Key, table: Mapping[str, Any], known: Mapping[str, Collection[str] | None]) -> list[str]:
        problems = []
        for name, value in table.items():
            if name not in known:
                problems.append(self._unknown_key((*at, name), known))
            elif (inner := known[name]) is not None:
                if isinstance(value, dict):
                    problems += [self._unknown_key((*at, name, key), inner) for key in value if key not in inner]
                else:
                    problems.append(f"{self.place((*at, name))}: {'.'.join((*at, name))}: not a table; write [{name}]")
        return problems

    def _unknown_key(self, key: Key, known: Collection[str]) -> str:
        return f"{self.place(key)}: {'.'.join(key)}: unknown setting; {unknown_key(key[-1], known)}"


def _failed(where: str, why: str, remedy: str) -> SettingsError:
    return SettingsError(f"{where}: {why}; {remedy}")


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        lower = merged.get(name)
        merged[name] = _over(lower, value) if isinstance(value, dict) and isinstance(lower, dict) else value
    return merged
