"""Content of a published version, which never changes, and its names in other systems, which are known only later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # the registry imports this package
    from headrace.schemas.registry import Contract

_ANNOTATION: Final = "headrace"
_NAMES: Final = frozenset({"schema_ids", "fingerprints", "revisions"})


def published_content(avro: Any) -> str:
    """Return the hash of a schema's JSON without the names that other systems give to it (SHA-256, hexadecimal).

    >>> named = {"type": "record", "headrace": {"table": "orders", "revisions": ["f47c8c56"]}}
    >>> published_content(named) == published_content({"type": "record", "headrace": {"table": "orders"}})
    True
    """
    normal = json.dumps(_without_names(avro), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(normal.encode(errors="surrogatepass")).hexdigest()


def is_edited(published: Contract, now: Contract) -> bool:
    """Return whether a version is another one than it was when it was published; a name may have been added to it."""
    if published.fingerprint == now.fingerprint:
        return False
    if published_content(json.loads(published.json)) != published_content(json.loads(now.json)):
        return True
    before, after = published.options.schema_ids, now.options.schema_ids
    pairs = (
        (before.schema_ids, after.schema_ids),
        (before.fingerprints, after.fingerprints),
        (before.revisions, after.revisions),
    )
    return any(not set(one) <= set(other) for one, other in pairs)


def _without_names(avro: Any) -> Any:
    annotation = avro.get(_ANNOTATION) if isinstance(avro, Mapping) else None
    if not isinstance(annotation, Mapping):
        return avro
    return {**avro, _ANNOTATION: {key: value for key, value in annotation.items() if key not in _NAMES}}
