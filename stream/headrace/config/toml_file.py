"""Read TOML files, check them against pydantic models, and make errors that name the line of a key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

Key = tuple[str, ...]
Fields: TypeAlias = Mapping[str, FieldInfo]
Fail: TypeAlias = Callable[[str, str, str], Exception]  # makes an error from place, cause and remedy
_MUST: Final = re.compile("^(Input|String|List|Value) should")
_TABLE: Final = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")
_KEY: Final = re.compile(r"""^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


class TomlModel(BaseModel):
    """A table of a TOML file. It converts no values and allows no unknown keys.

    The *description* of a field completes the remedy for an invalid value: "write <key> = ".
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


Model = TypeVar("Model", bound=TomlModel)


def wrong(why: str, remedy: str) -> PydanticCustomError:
    """Make the error that a model's own validator raises."""
    return PydanticCustomError("wrong", "{why}", {"why": why, "remedy": remedy})


def unknown_key(key: str, known: Collection[str]) -> str:
    """Return the remedy for a *key* that is not among the *known* ones."""
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(sorted(known))}"


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
        try:
            return model.model_validate(self.values)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        # A misspelt key comes first, because its correct spelling is reported as missing, too.
        first = min(found, key=lambda each: each["type"] != "extra_forbidden")
        key, fields = _located(first, self.values, model)
        raise self.error(key, *_reason(first, key, fields)) from None


def _unreadable(name: str, error: OSError, fail: Fail) -> Exception:
    return fail(name, f"cannot be read ({error.strerror})", "name a TOML file that can be read")


def _located(error: ErrorDetails, values: Any, model: type[BaseModel]) -> tuple[Key, Fields]:
    """Return the key of *error* in the file's *values*, and the fields of the table that has the key.

    An error's location has more parts than the key: the tags of unions, such as the type of a table.
    """
    key: list[str] = []
    tables = [model]
    fields = _fields(model)
    location = error["loc"]
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        if _has(values, part) or (is_last and error["type"] == "missing"):
            key.append(str(part))
            fields = _fields(tables[0])
            values = None if is_last else values[part]
            tables = (str(part) in fields and _models_in(fields[str(part)].annotation)) or tables
        else:
            tables = [each for each in tables if _has_tag(each, str(part))] or tables
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return (*key, error["ctx"]["discriminator"].strip("'")), _fields(tables[0])
    return tuple(key), fields


def _has(values: Any, part: str | int) -> bool:
    return part in values if isinstance(values, Mapping) else isinstance(values, list) and isinstance(part, int)


def _fields(model: type[BaseModel]) -> Fields:
    """Return the fields of *model* by the names that they have in a file."""
    return {each.alias or name: each for name, each in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the model that *annotation* is, or the models among its type arguments."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for argument in get_args(annotation) for each in _models_in(argument)]


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    return any(tag in get_args(each.annotation) for each in model.model_fields.values())


def _reason(error: ErrorDetails, key: Key, fields: Fields) -> tuple[str, str]:
    """Return the problem of *key*, without its value, and the remedy."""
    match error["type"]:
        case "wrong":
            return error["ctx"]["why"], error["ctx"]["remedy"]
        case "extra_forbidden":
            return "no such key", unknown_key(key[-1], fields)
        case "missing" | "union_tag_not_found":
            return "missing", _write(key, fields)
        case "union_tag_invalid":
            return f"no such {key[-1]}", f"write one of {error['ctx']['expected_tags']}"
        case "model_type" | "model_attributes_type":
            return "not a table", _write(key, fields)
        case _:
            return _MUST.sub("must", error["msg"]), _write(key, fields)


def _write(key: Key, fields: Fields) -> str:
    found = fields.get(key[-1])
    if found is None:
        return "correct that line"
    if not found.description and isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel):
        needed = [name for name, each in _fields(found.annotation).items() if each.is_required()]
        return f"write [{'.'.join(key)}] with {', '.join(needed)}"
    return f"write {key[-1]} = {found.description or '...'}"


def lines_of(text: str) -> dict[Key, int]:
    """Return the first line of each key and table, counted from 1, without keys within an inline table.

    >>> lines_of('a = 1\\n[b.c]\\nd.e = 2')
    {('a',): 1, ('b',): 2, ('b', 'c'): 2, ('b', 'c', 'd'): 3, ('b', 'c', 'd', 'e'): 3}
    """
    found: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
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
