"""Builders of test vectors: messages as ``docs/wire.md`` says, with what each becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from tests.wire.contracts import schema_of
from tests.wire.datum import datum

NAMESPACE: Final = UUID("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11")  # as docs/identity.md gives it
TIME: Final = "2026-03-14T15:09:26.535000Z"
SOURCE: Final = "/wire"
Vector = dict[str, Any]
Runs = Sequence[tuple[bytes, int]]


def a_row(
    name: str,
    shows: str,
    subject: str,
    values: Mapping[str, Any],
    *,
    version: int = 1,
    written: Mapping[str, Any] | None = None,
    id_name: str | None = None,
    payload: bytes | None = None,
    **changes: str | None,
) -> Vector:
    """A message that becomes a row of *values*; *written* has other spellings, and *payload* is another encoding.

    Its id is its name, or derived from *id_name*. *changes* are attributes with ``_`` for ``-``; None leaves one out.
    """
    values = {"at": TIME, **values}
    vector = _message(name, shows, subject, version, {**values, **(written or {})}, payload, changes, id_name)
    vector |= _spelling(written, payload)
    row = {
        **values,
        "_event_id": vector["attributes"]["ce-id"],
        "_event_time": values["at"],
        "_schema_version": str(version),
        "_source": vector["attributes"]["ce-source"],
    }
    return {**vector, "row": row}


def a_duplicate(
    first: Vector,
    name: str,
    shows: str,
    *,
    version: int | None = None,
    written: Mapping[str, Any] | None = None,
    payload: bytes | None = None,
    **changes: str | None,
) -> Vector:
    """The event of *first* once more, with *written* in other spellings, or in another encoding."""
    values = {**first["row"], **(written or {})}
    changes = {"ce_id": first["attributes"]["ce-id"], **changes}
    version = version or first["version"]
    return {
        **_message(name, shows, first["subject"], version, values, payload, changes),
        **_spelling(written, payload),
        "duplicate_of": first["name"],
    }


def a_conflict(
    first: Vector, name: str, shows: str, *, written: Mapping[str, Any], version: int | None = None
) -> Vector:
    """Another event under the id of *first*."""
    changes = {"ce_id": first["attributes"]["ce-id"]}
    version = version or first["version"]
    return {
        **_message(name, shows, first["subject"], version, {**first["row"], **written}, None, changes),
        "dead_letter": "id_conflict",
        "detail": "another event with this ce-id and other values was written before",
        "conflicts_with": first["name"],
    }


def a_refusal(
    name: str,
    shows: str,
    reason: str,
    detail: str,
    subject: str,
    values: Mapping[str, Any],
    *,
    version: int = 1,
    payload: bytes | Runs | None = None,
    **changes: str | None,
) -> Vector:
    """A message that becomes a dead letter; *payload* may be runs of bytes, each with how often they come."""
    values = {"at": TIME, **values}
    if payload is None or isinstance(payload, bytes):
        vector = _message(name, shows, subject, version, values, payload, changes)
    else:
        vector = _in_runs(_message(name, shows, subject, version, values, b"", changes), payload)
    return {**vector, "dead_letter": reason, "detail": detail}


def payload_of(vector: Mapping[str, Any]) -> bytes:
    """The bytes of a vector."""
    runs = vector.get("payload_runs", [[vector.get("payload", ""), 1]])
    return b"".join(bytes.fromhex(digits) * times for digits, times in runs)


def _message(
    name: str,
    shows: str,
    subject: str,
    version: int,
    values: Mapping[str, Any],
    payload: bytes | None,
    changes: Mapping[str, str | None],
    id_name: str | None = None,
) -> Vector:
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": name if id_name is None else str(uuid5(NAMESPACE, id_name)),
        "ce-type": subject,
        "ce-source": SOURCE,
        "ce-time": _short(values["at"]),
        "ce-dataschema": f"headrace:{subject}:{version}",
        "content-type": "application/avro",
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }
    return {
        "name": name,
        "shows": shows,
        "subject": subject,
        "version": version,
        "payload": (datum(schema_of(subject, version), values) if payload is None else payload).hex(),
        "attributes": {key: value for key, value in attributes.items() if value is not None},
        **({} if id_name is None else {"id_name": id_name}),
    }


def _in_runs(vector: Vector, runs: Runs) -> Vector:
    written = [[data.hex(), times] for data, times in runs]
    pairs = (("payload_runs", written) if key == "payload" else (key, value) for key, value in vector.items())
    return dict(pairs)


def _spelling(written: Mapping[str, Any] | None, payload: bytes | None) -> dict[str, bool]:
    return {} if written is None and payload is None else {"any_encoding": True}


def _short(time: str) -> str:
    """A time as a usual client writes it: without zeros at the end of its fraction."""
    return time[:-1].rstrip("0").rstrip(".") + "Z" if "." in time else time
