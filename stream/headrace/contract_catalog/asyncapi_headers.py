"""The attributes of a contract's messages, as a JSON Schema."""

from __future__ import annotations

from typing import Any, Final, assert_never

from headrace.schemas.envelope import CONTENT_ENCODING, CONTENT_TYPE, SPEC_VERSION
from headrace.schemas.message_rules.envelope import AttributesId, EnvelopeKind, EnvelopeRules, VersionAttribute
from headrace.schemas.registry import Contract

_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "minLength": 1, "description": "Identity of the event, the same in every try."}
_TIME: Final = {"type": "string", "format": "date-time", "description": "When the event happened, in UTC."}
_SOURCE: Final = {"type": "string", "minLength": 1, "description": "The application that published the event."}


def message_headers(contract: Contract) -> dict[str, Any] | None:
    """Return the schema of the attributes that the envelope of a contract needs; None if it needs none."""
    rules = contract.options.envelope
    match rules.kind:
        case EnvelopeKind.HEADRACE:
            found = _of_headrace(contract)
        case EnvelopeKind.CLOUDEVENTS:
            found = _of_cloudevents(rules) | _named(rules)
        case EnvelopeKind.ATTRIBUTES | EnvelopeKind.CLOUDEVENTS_STRUCTURED | EnvelopeKind.DEBEZIUM:
            found = _named(rules)
        case _:
            assert_never(rules.kind)
    chosen = _chosen(contract)
    if not found and not chosen:
        return None
    return {"type": "object", "properties": found | chosen, **({"required": [*found]} if found else {})}


def _chosen(contract: Contract) -> dict[str, Any]:
    """Return the attributes that a message may have."""
    if not contract.options.encodings.may_be_compressed:
        return {}
    named = {"type": "string", "description": "How the payload is compressed; absent if it is not."}
    return {CONTENT_ENCODING: named | {"enum": ["zstd", "gzip", "deflate", "identity"]}}


def _of_headrace(contract: Contract) -> dict[str, Any]:
    return {
        **_of_cloudevents(contract.options.envelope),
        "ce-type": {"type": "string", "const": contract.subject},
        "ce-time": _TIME,
        "ce-dataschema": {"type": "string", "const": str(contract.ref)},
        "content-type": {"type": "string", "const": CONTENT_TYPE},
    }


def _of_cloudevents(rules: EnvelopeRules) -> dict[str, Any]:
    return {
        "ce-specversion": {"type": "string", "const": SPEC_VERSION},
        "ce-id": _ID,
        "ce-source": _SOURCE,
        "ce-type": {"type": "string", "const": rules.type} if rules.type else _TEXT,
    }


def _named(rules: EnvelopeRules) -> dict[str, Any]:
    """Return the attributes that the contract names for the id, the version and the source."""
    ids = rules.id.names if isinstance(rules.id, AttributesId) else ()
    version = (rules.version.name,) if isinstance(rules.version, VersionAttribute) else ()
    source = (rules.source_attribute,) if rules.source_attribute else ()
    return dict.fromkeys((*ids, *version, *source), _TEXT)
