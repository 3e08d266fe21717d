"""Lines of a contract's files on which its faults are."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from headrace.schemas.avro_text import without_comments
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together
from headrace.schemas.notation import Notation
from headrace.schemas.source_nodes import find, read_json, steps_of
from headrace.schemas.toml_nodes import read_toml

_TOML_PLACE: Final = re.compile(r"at line (\d+)")
_CONTRACT: Final = re.compile(r"[a-z0-9_]+\.v\d+")


class SourceFile(NamedTuple):
    """A file of a contract as a person wrote it: a schema, or a sidecar."""

    name: str
    text: str


def notation_of(files: Sequence[SourceFile]) -> Notation:
    """Return the form of a contract's settings; *files* are the schema, and the sidecar if there is one."""
    if len(files) < 2:
        return Notation.SCHEMA
    return Notation.TOML if files[1].name.endswith(".toml") else Notation.JSON


def with_lines(error: ContractError, sources: Mapping[str, Sequence[SourceFile]]) -> ContractError:
    """Return *error* with the file and the line of each fault that has a place in a contract.

    *sources* has the files of each contract, such as ``orders.v1``: the schema, and the sidecar if there is one.
    """
    located = [_located(each, sources) for each in error.faults]
    return together([fault for _, fault in sorted(located, key=lambda each: each[0])])


def _located(
    fault: ContractError, sources: Mapping[str, Sequence[SourceFile]]
) -> tuple[tuple[str, int], ContractError]:
    """Return a fault with its file and line, and these to sort by."""
    contract = _CONTRACT.match(fault.where)
    files = sources.get(contract[0], ()) if contract else ()
    whole = next((each for each in files if fault.where == each.name), None)
    if whole is not None and (broken := _broken_line(whole)):
        return (whole.name, broken), ContractError(
            whole.name.rpartition(".")[0], fault.why, fault.remedy, f"{whole.name}:{broken}", rule=fault.rule
        )
    if fault.source or contract is None or not files or whole is not None:
        return (fault.where, 0), fault
    source, steps = files[0], steps_of(fault.where[contract.end() :])
    if steps[:1] == ["headrace"] and len(files) > 1:
        source, steps = files[1], steps[1:]
    is_toml = source.name.endswith(".toml")
    line = _toml_line(source.text, steps) if is_toml else _json_line(source, steps)
    remedy = Notation.TOML.words(fault.remedy) if is_toml else fault.remedy
    return (source.name, line), ContractError(fault.where, fault.why, remedy, f"{source.name}:{line}", rule=fault.rule)


def _broken_line(source: SourceFile) -> int | None:
    """Return the line at which a file is not TOML or JSON; None if it is."""
    try:
        if source.name.endswith(".toml"):
            tomllib.loads(source.text)
        else:
            json.loads(without_comments(source.text, source.name))
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.search(str(error))
        return int(found[1]) if found else source.text.rstrip("\n").count("\n") + 1
    except json.JSONDecodeError as error:
        return error.lineno
    except (ValueError, RecursionError):  # a comment without an end, or nested too deeply
        return 1
    return None


def _json_line(source: SourceFile, steps: Sequence[str]) -> int:
    try:
        text = without_comments(source.text, source.name)
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno
    except (ValueError, RecursionError):  # a comment without an end, or nested too deeply
        return 1
    return text.count("\n", 0, find(read_json(text), steps).start) + 1


def _toml_line(text: str, steps: Sequence[str]) -> int:
    try:
        return text.count("\n", 0, find(read_toml(text), steps).start) + 1
    except (ValueError, RecursionError):  # not TOML, or nested too deeply
        return 1
