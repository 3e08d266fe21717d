"""One table of a TOML file, read key by key: what is wrong with it names key, file, line and remedy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headrace.config.toml_file import TomlFile, unknown_key

_REFERENCE: Final = '{ env = "NAME" } or { file = "/run/secrets/name" }'


class Table:
    """The keys of one table; *name* is its own, with dots, and empty for the file's top."""

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
        """All of it, unchecked."""
        return dict(self._values)

    def wrong(self, key: str, why: str, remedy: str) -> Exception:
        """Make the error that says what is wrong with *key*; without one, with the table."""
        return self._file.error(tuple(filter(None, (*self.name.split("."), key))), why, remedy)

    def only(self, *known: str) -> None:
        """Refuse every other key."""
        for key in sorted(set(self._values) - set(known)):
            raise self.wrong(key, "no such key", unknown_key(key, known))

    def text(self, key: str, default: str | None = None) -> str:
        """The text of *key*, never an empty one; *default*, if there is one, when the key is not there."""
        if key not in self._values and default is not None:
            return default
        value = self._values.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "no text" if key in self._values else "missing", f'write {key} = "..."')
        return value

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """The number of *key*, from *least* to *most*."""
        value = self._values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"not a whole number from {least:,} to {most:,}", f"write {key} = {default}")
        return value

    def flag(self, key: str) -> bool:
        """Whether *key* is true; it is not when it is not there."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "neither true nor false", f"write {key} = true")
        return value

    def table(self, key: str) -> Table:
        """The table *key*, an empty one when it is not there."""
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "no table", f"write [{'.'.join(filter(None, (self.name, key)))}]")
        return Table(self._file, value, ".".join(filter(None, (self.name, key))))

    def reference(self, key: str) -> str:
        """What *key* refers to: the value of an environment variable, or a file's text; never what stands here."""
        given = self._values.get(key)
        if not isinstance(given, dict):
            raise self.wrong(key, "a secret never stands in this file", f"refer to it: {key} = {_REFERENCE}")
        where = self.table(key)
        where.only("env", "file")
        if len(given) != 1:
            raise self.wrong(key, "one reference, no more", f"write {key} = {_REFERENCE}")
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
