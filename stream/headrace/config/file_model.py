"""Check the values of a file against a pydantic model, and give the key, the problem and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

Key = tuple[str, ...]
Fields: TypeAlias = Mapping[str, FieldInfo]
Fail: TypeAlias = Callable[[str, str, str], Exception]  # makes an error from place, cause and remedy
FailAt: TypeAlias = Callable[[Key, str, str], Exception]  # the same, from a key
_MUST: Final = re.compile("^(Input|String|List|Value|Dictionary) should")


class FileModel(BaseModel):
    """A table of a file. It converts no values and allows no unknown keys.

    The *description* of a field completes the remedy for an invalid value: "write <key> = ".
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True, slots=True)
class Notation:
    """How a kind of file writes a key with its value, and how it calls and begins a table."""

    key: str
    table: str
    header: str


TOML: Final = Notation("{key} = {value}", "table", "[{key}]")
YAML: Final = Notation("{key}: {value}", "mapping", "{key}:")


def wrong(why: str, remedy: str) -> PydanticCustomError:
    """Make the error that a model's own validator raises."""
    return PydanticCustomError("wrong", "{why}", {"why": why, "remedy": remedy})


def unknown_key(key: str, known: Collection[str]) -> str:
    """Return the remedy for a *key* that is not among the *known* ones."""
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(sorted(known))}"


def checked(model: type[Model], values: Mapping[str, Any], notation: Notation, error_at: FailAt) -> Model:
    """Return *values* as *model*. Raise the error that *error_at* makes for the first invalid value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    # A misspelt key comes first, because its correct spelling is reported as missing, too.
    first = min(found, key=lambda each: each["type"] != "extra_forbidden")
    key, fields = _located(first, values, model)
    raise error_at(key, *_reason(first, key, fields, notation)) from None


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


def _reason(error: ErrorDetails, key: Key, fields: Fields, notation: Notation) -> tuple[str, str]:
    """Return the problem of *key*, without its value, and the remedy."""
    match error["type"]:
        case "wrong":
            return error["ctx"]["why"], error["ctx"]["remedy"]
        case "extra_forbidden":
            return "no such key", unknown_key(key[-1], fields)
        case "missing" | "union_tag_not_found":
            return "missing", _write(key, fields, notation)
        case "union_tag_invalid":
            return f"no such {key[-1]}", f"write one of {error['ctx']['expected_tags']}"
        case "model_type" | "model_attributes_type":
            return f"not a {notation.table}", _write(key, fields, notation)
        case _:
            return _MUST.sub("must", error["msg"]), _write(key, fields, notation)


def _write(key: Key, fields: Fields, notation: Notation) -> str:
    found = fields.get(key[-1])
    if found is None:
        return "correct that line"
    if not found.description and isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel):
        needed = [name for name, each in _fields(found.annotation).items() if each.is_required()]
        return f"write {notation.header.format(key='.'.join(key))} with {', '.join(needed)}"
    return f"write {notation.key.format(key=key[-1], value=found.description or '...')}"


def is_within(values: Any, key: Key) -> bool:
    """Return whether nested tables and lists have *key*; the part of a key for a list is a place, such as "0"."""
    for part in key:
        if isinstance(values, list) and part.isdecimal() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, dict) and part in values:
            values = values[part]
        else:
            return False
    return True
