"""One table of a TOML file, read key by key; an error names the key, the file, the line and the remedy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headrace.config.toml_file import TomlFile, unknown_key

_REFERENCE: Final = '{ env = "NAME" } or { file = "/run/secrets/name" }'


class Table:
    """Keys of one table; *name* is its full name with dots, or empty for the top of the file."""

    def __init__(self, file: TomlFile, values: Mapping[str, Any], name: str = "") -> None:
        self._file = file
        self.name = name
        self._values = values

    @classmethod
    def of(cls, file: TomlFile) -> Table:
        """Return the top of *file*."""
        return cls(file, file.values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def values(self) -> dict[str, Any]:
        """Return all keys and values, unchecked."""
        return dict(self._values)

    def wrong(self, key: str, why: str, remedy: str) -> Exception:
        """Return the error for *key*, or for the table if *key* is empty."""
        return self._file.error(tuple(filter(None, (*self.name.split("."), key))), why, remedy)

    def only(self, *known: str) -> None:
        """Refuse every other key."""
        for key in sorted(set(self._values) - set(known)):
            raise self.wrong(key, "no such key", unknown_key(key, known))

    def text(self, key: str, default: str | None = None) -> str:
        """Return the text of *key*, which must not be empty; *default*, if given, for a missing key."""
        if key not in self._values and default is not None:
            return default
        value = self._values.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "not text" if key in self._values else "missing", f'write {key} = "..."')
        return value

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """Return the number of *key*, from *least* to *most*."""
        value = self._values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"not a whole number from {least:,} to {most:,}", f"write {key} = {default}")
        return value

    def flag(self, key: str) -> bool:
        """Return whether *key* is true; a missing key is false."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "neither true nor false", f"write {key} = true")
        return value

    def table(self, key: str) -> Table:
        """Return the table *key*; an empty one if it is missing."""
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "not a table", f"write [{'.'.join(filter(None, (self.name, key)))}]")
        return Table(self._file, value, ".".join(filter(None, (self.name, key))))

    def reference(self, key: str) -> str:
        """Return the value to which *key* refers: an environment variable, or the text of another file."""
        given = self._values.get(key)
        if not isinstance(given, dict):
            raise self.wrong(key, "a secret must not be in this file", f"refer to it: {key} = {_REFERENCE}")
        where = self.table(key)
        where.only("env", "file")
        if len(given) != 1:
            raise self.wrong(key, "not exactly one reference", f"write {key} = {_REFERENCE}")
        if "file" in given:
            return self._of_file(where)
        name = where.text("env")
        value = os.environ.get(name, "")
        if not value:
            raise where.wrong("env", f"no environment variable {name}", f"set {name} before the command runs")
        return value

    def _of_file(self, where: Table) -> str:
        path = Path(where.text("file"))
        try:
            value = path.read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise where.wrong("file", f"{path}: cannot be read ({type(error).__name__})", "name a text file") from None
        if not value:
            raise where.wrong("file", f"{path}: empty", "write the secret into it")
        return value
