"""Read TOML files, check them against pydantic models, and make errors that name the line of a key."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headrace.config.file_model import TOML, Fail, Key, Model, checked

_TABLE: Final = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")
_ARRAY: Final = re.compile(r"^\s*\[\[([^\[\]]+)\]\]\s*(#.*)?$")
_KEY: Final = re.compile(r"""^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The content of one file; *name* is its path or address, and *fail* makes its errors."""

    name: str
    text: str = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    fail: Fail = field(repr=False)

    @classmethod
    def read(cls, path: Path, fail: Fail, *, may_be_absent: bool = False) -> TomlFile:
        """Read the file at *path*. Raise the error of *fail*; but a missing file is empty if it *may_be_absent*."""
        try:
            return cls.parse(str(path), path.read_bytes(), fail)
        except FileNotFoundError as error:
            if may_be_absent:
                return cls(str(path), "", {}, fail)
            raise _unreadable(str(path), error, fail) from None
        except OSError as error:
            raise _unreadable(str(path), error, fail) from None

    @classmethod
    def parse(cls, name: str, data: bytes, fail: Fail) -> TomlFile:
        """Parse the bytes of the file called *name*. Raise the error of *fail* if they are not TOML."""
        try:
            text = data.decode("utf-8-sig")
            return cls(name, text, tomllib.loads(text), fail)
        except UnicodeDecodeError:
            raise fail(name, "not UTF-8 text", "save it as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise fail(name, f"not TOML ({error})", "correct that line") from None
        except ValueError:
            raise fail(name, "not TOML (a number with too many digits)", "write fewer digits") from None
        except RecursionError:
            raise fail(name, "not TOML (nested too deeply)", "nest fewer tables and lists") from None

    def place(self, key: Key) -> str:
        """Return the file and the line of *key*."""
        line = line_of(lines_of(self.text), key)
        return f"{self.name}, line {line}" if line else self.name

    def error(self, key: Key, why: str, remedy: str) -> Exception:
        """Return an error about *key*."""
        return self.fail(": ".join(filter(None, (self.place(key), ".".join(key)))), why, remedy)

    def check(self, model: type[Model]) -> Model:
        """Return the file's values as *model*. Raise the error of *fail* for the first invalid value."""
        return checked(model, self.values, TOML, self.error)


def _unreadable(name: str, error: OSError, fail: Fail) -> Exception:
    return fail(name, f"cannot be read ({error.strerror})", "name a TOML file that can be read")


def lines_of(text: str) -> dict[Key, int]:
    """Return the first line of each key and table, counted from 1, without keys within an inline table.

    The tables of a list have their places as keys.

    >>> lines_of('a = 1\\n[b.c]\\nd.e = 2')
    {('a',): 1, ('b',): 2, ('b', 'c'): 2, ('b', 'c', 'd'): 3, ('b', 'c', 'd', 'e'): 3}
    >>> lines_of('[[a]]\\n[[a]]\\nb = 1')
    {('a',): 1, ('a', '0'): 1, ('a', '1'): 2, ('a', '1', 'b'): 3}
    """
    found: dict[Key, int] = {}
    counts: Counter[Key] = Counter()
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _ARRAY.match(line):
            name = _parts(header[1])
            table = (*name, str(counts[name]))
            counts[name] += 1
            _note(found, (), table, number)
        elif header := _TABLE.match(line):
            table = _parts(header[1])
            _note(found, (), table, number)
        elif key := _KEY.match(line):
            _note(found, table, _parts(key[1]), number)
    return found


def line_of(lines: dict[Key, int], key: Key) -> int | None:
    """Return the line of *key*, or of the innermost table that contains it."""
    return next((lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), None)


def _note(found: dict[Key, int], table: Key, key: Key, number: int) -> None:
    for end in range(1, len(key) + 1):
        found.setdefault((*table, *key[:end]), number)


def _parts(dotted: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
