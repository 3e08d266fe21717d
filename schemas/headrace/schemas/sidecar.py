"""Annotations in a file beside the schema: ``<subject>.v<N>.headrace.toml``, or the same in JSON.

The schema stays byte for byte as the team's registry has it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.schemas.avro_keys import OURS
from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.errors import ContractError
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.foreign_keys import without_foreign_keys
from headrace.schemas.shared_types import event_of

TOML: Final = ".headrace.toml"
JSON: Final = ".headrace.json"
SIDECARS: Final = (TOML, JSON)


def with_sidecar(schema: SourceFile, sidecar: SourceFile) -> str:
    """Return the JSON of the schema with the annotations of its sidecar, as if they were in it.

    Raises:
        ContractError: one of the two cannot be read, or both hold annotations.
    """
    avro = read_avro(without_comments(schema.text, schema.name), schema.name)
    event = event_of(avro, schema.name)
    if not isinstance(event, Mapping):
        raise ContractError(schema.name, "not a record", 'an event is a record: write "type": "record"')
    annotation = _read(sidecar.text, sidecar.name)
    inline = next(_annotated(without_foreign_keys(avro, annotation, sidecar.name), ""), None)
    if inline is not None:
        key = inline.rpartition(".")[2]
        foreign = f"; if another program reads {key!r}, name it in foreign_keys" if key != "headrace" else ""
        raise ContractError(
            sidecar.name,
            f"{schema.name} has annotations too, at {inline}",
            f"keep them in one of the two files{foreign}",
        )
    whole = {**event, "headrace": annotation}
    listed = [whole if each is event else each for each in avro] if isinstance(avro, list) else whole
    return json.dumps(listed, ensure_ascii=False)


def is_annotated(text: str, name: str) -> bool:
    """Return whether the event of a schema has annotations itself; a schema that cannot be read has none."""
    try:
        event = event_of(read_avro(without_comments(text, name), name), name)
    except ContractError:
        return False
    return isinstance(event, Mapping) and "headrace" in event


def _read(text: str, name: str) -> dict[str, Any]:
    annotation: dict[str, Any]
    if name.endswith(JSON):
        given = read_avro(without_comments(text, name), name)
        if not isinstance(given, dict):
            raise ContractError(name, "not a JSON object", 'write {"table": ..., "event_time": ...}')
        return {key: value for key, value in given.items() if key != "$schema"}  # which is for editors
    try:
        annotation = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ContractError(name, f"not TOML ({why})", "correct the file at this place") from error
    try:
        json.dumps(annotation, allow_nan=False)
    except (TypeError, ValueError):
        raise ContractError(
            name, "a date, a time or a number that JSON does not have", "write it as text, in quotation marks"
        ) from None
    return annotation


def _annotated(avro: object, path: str) -> Iterator[str]:
    """Yield the path of each annotation of Headrace in a schema."""
    if isinstance(avro, Mapping):
        yield from (f"{path}{key}" for key in OURS if key in avro)
        for key in ("fields", "items", "values", "type"):
            name = avro.get("name")
            within = f"{path}{name}." if isinstance(name, str) and key != "fields" else path
            yield from _annotated(avro.get(key), within)
    elif isinstance(avro, list):
        for each in avro:
            yield from _annotated(each, path)
