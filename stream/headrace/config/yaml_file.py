"""Read YAML files, check them against pydantic models, and make errors that name the line of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import Node

from headrace.config.file_model import YAML, Fail, Key, Model, checked
from headrace.config.yaml_nodes import InvalidYamlError, compose, line_at, value_of


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of one file, a mapping; *name* is its path, and *fail* makes its errors."""

    name: str
    root: Node = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    fail: Fail = field(repr=False)

    @classmethod
    def read(cls, path: Path, fail: Fail) -> YamlFile:
        """Read the file at *path*. Raise the error of *fail* if it cannot be read or is not a mapping."""
        try:
            return cls.parse(str(path), path.read_bytes(), fail)
        except OSError as error:
            raise fail(str(path), f"cannot be read ({error.strerror})", "name a YAML file that can be read") from None

    @classmethod
    def parse(cls, name: str, data: bytes, fail: Fail) -> YamlFile:
        """Parse the bytes of the file called *name*. Raise the error of *fail* if they are not a mapping in YAML."""
        try:
            root = compose(data.decode("utf-8-sig"))
            values = value_of(root)
        except UnicodeDecodeError:
            raise fail(name, "not UTF-8 text", "save it as UTF-8") from None
        except InvalidYamlError as error:
            raise fail(_place(name, error.line), error.why, error.remedy) from None
        if not isinstance(values, dict):
            raise fail(_place(name, line_at(root, ())), "not a mapping", "write key: value")
        return cls(name, root, values, fail)

    def line(self, key: Key) -> int:
        """Return the line of *key*, or of the innermost value that contains it."""
        return line_at(self.root, key)

    def error(self, key: Key, why: str, remedy: str) -> Exception:
        """Return an error about *key*."""
        place = _place(self.name, self.line(key))
        return self.fail(": ".join(filter(None, (place, label_of(key)))), why, remedy)

    def check(self, model: type[Model]) -> Model:
        """Return the file's values as *model*. Raise the error of *fail* for the first invalid value."""
        return checked(model, self.values, YAML, self.error)


def label_of(key: Key) -> str:
    """Return *key* as a path, with places in lists counted from 0.

    >>> label_of(("cases", "0", "given"))
    'cases[0].given'
    """
    return "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in key).removeprefix(".")


def _place(name: str, line: int) -> str:
    return f"{name}, line {line}" if line else name
