"""The names that other systems give to one version's schema, as its contract lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from headrace.schemas.errors import ContractError

MAX_IDS: Final = 1_000  # of one version; a registry may give one schema several
_FINGERPRINT: Final = re.compile(r"[0-9a-fA-F]{16}")
_REVISION: Final = re.compile(r"[0-9a-z]{1,64}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SchemaIds:
    """Names of this version's schema: ids of a registry, fingerprints, and revisions of Pub/Sub's schema service.

    *schema_ids* are whole numbers, or 16 bytes for AWS Glue. *fingerprints* are 8 bytes in the order in which they are
    in the header of a single-object encoding; they count in addition to Avro's own one.
    """

    schema_ids: tuple[int | bytes, ...] = ()
    fingerprints: tuple[bytes, ...] = ()
    revisions: tuple[str, ...] = ()


def parse_schema_ids(annotation: Mapping[str, Any], where: str) -> SchemaIds:
    """Read the annotations ``schema_ids``, ``fingerprints`` and ``revisions``; raises ContractError."""
    return SchemaIds(
        schema_ids=_listed(annotation, "schema_ids", where, _schema_id, "whole numbers from 0, or UUIDs"),
        fingerprints=_listed(annotation, "fingerprints", where, _fingerprint, "fingerprints of 16 hexadecimal digits"),
        revisions=_listed(annotation, "revisions", where, _revision, "revision ids such as f47c8c56"),
    )


def _listed(
    annotation: Mapping[str, Any], key: str, where: str, read: Callable[[object], T | None], what: str
) -> tuple[T, ...]:
    given = annotation.get(key, [])
    found = [read(each) for each in given] if isinstance(given, list) and len(given) <= MAX_IDS else [None]
    ids = tuple(each for each in found if each is not None)
    if len(set(ids)) != len(found):
        raise ContractError(
            f"{where}.{key}", f"not a list of at most {MAX_IDS} different {what}", f"write a list of {what}, each once"
        )
    return ids


def _schema_id(value: object) -> int | bytes | None:
    if isinstance(value, str):
        return UUID(value).bytes if _UUID.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _fingerprint(value: object) -> bytes | None:
    return bytes.fromhex(value) if isinstance(value, str) and _FINGERPRINT.fullmatch(value) else None


def _revision(value: object) -> str | None:
    return value if isinstance(value, str) and _REVISION.fullmatch(value) else None
