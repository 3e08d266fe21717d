"""One table of a TOML file, read key by key: what is wrong with it names key, file, line and remedy."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headrace.backfill.backfill_errors import MappingError
from headrace.config.toml_positions import line_of, lines_of, parse_toml

_REFERENCE: Final = '{ env = "NAME" } or { file = "/run/secrets/name" }'


class Table:
    """The keys of one table; *name* is its own, with dots, and empty for the file's top."""

    def __init__(self, path: Path, text: str, values: Mapping[str, Any], name: str = "") -> None:
        self.path = path
        self.name = name
        self._text = text
        self._values = values

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read the file at *path*.

        Raises:
            MappingError: it cannot be read, or is no TOML.
        """
        try:
            text = path.read_text("utf-8-sig")
            return cls(path, text, parse_toml(text))
        except OSError as error:
            raise MappingError(str(path), f"cannot be read ({error.strerror})", "name a TOML file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MappingError(str(path), f"not TOML ({error})", "correct it") from error

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def values(self) -> dict[str, Any]:
        """All of it, unchecked."""
        return dict(self._values)

    def wrong(self, key: str, why: str, remedy: str) -> MappingError:
        """Make the error that says what is wrong with *key*; without one, with the table."""
        name = ".".join(filter(None, (self.name, key)))
        return self.located(MappingError(f"{self.path}: {name}" if name else str(self.path), why, remedy))

    def located(self, error: MappingError) -> MappingError:
        """The same error, with the line of its key."""
        prefix = f"{self.path}: "
        if not error.where.startswith(prefix):
            return error
        name = error.where.removeprefix(prefix)
        line = line_of(lines_of(self._text), tuple(name.split(".")))
        return MappingError(f"{self.path}, line {line}: {name}", error.why, error.remedy) if line else error

    def only(self, *known: str) -> None:
        """Refuse every other key."""
        for key in sorted(set(self._values) - set(known)):
            raise self.wrong(key, "not a key that is known here", f"known are {', '.join(sorted(known))}")

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
        return Table(self.path, self._text, value, ".".join(filter(None, (self.name, key))))

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
