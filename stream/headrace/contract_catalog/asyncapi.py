"""An AsyncAPI 3.0 document of the job: the topics that it receives from, and the messages of every version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from headrace.contract_catalog.admitted_avro import is_admitted
from headrace.contract_catalog.asyncapi_headers import message_headers
from headrace.contract_catalog.example_event import example_event
from headrace.contract_view.contract_settings import settings_of
from headrace.contract_view.subjects import Subject
from headrace.schemas.avro_text import read_avro
from headrace.schemas.message_rules.encoding import Body, Encoding, Frame
from headrace.schemas.registry import Contract

VERSION: Final = "3.0.0"
AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
WIDER_AVRO: Final = "application/vnd.headrace.avro"  # a schema that AsyncAPI's format for Avro does not admit
_BINDING: Final = "0.2.0"
_CONTENT_TYPES: Final = {
    Body.DATUM: "application/avro",
    Body.CONTAINER: "application/avro",
    Body.AVRO_JSON: "application/json",
    Body.JSON: "application/json",
}
_SERVICE_ENCODINGS: Final = {Body.DATUM: "binary", Body.AVRO_JSON: "json"}  # those of Pub/Sub's schema service


def asyncapi_document(subjects: Sequence[Subject], title: str) -> dict[str, Any]:
    """Return the document of the subjects that are served. Its version is a hash of their contracts."""
    served = [each for each in subjects if each.refused is None]
    contracts = [contract for each in served for contract in each.versions]
    digest = hashlib.sha256("".join(each.fingerprint for each in contracts).encode()).hexdigest()
    return {
        "asyncapi": VERSION,
        "info": {"title": title, "version": digest[:12], "description": "Topics that Headrace reads into BigQuery."},
        "channels": {each.name: _channel(each) for each in served},
        "operations": {f"receive_{each.name}": _operation(each) for each in served},
        "components": {"messages": {each.ref.short: _message(each) for each in contracts}},
    }


def _channel(subject: Subject) -> dict[str, Any]:
    newest = subject.newest
    bindings = _schema_binding(newest)
    return {
        "address": subject.name,
        "title": newest.record.full_name,
        "description": newest.doc,
        "messages": {each.ref.short: {"$ref": f"#/components/messages/{each.ref.short}"} for each in subject.versions},
        **({"bindings": {"googlepubsub": bindings}} if bindings else {}),
    }


def _operation(subject: Subject) -> dict[str, Any]:
    channel = f"#/channels/{subject.name}"
    return {
        "action": "receive",
        "channel": {"$ref": channel},
        "summary": f"Appends to the table {subject.newest.options.table}.",
        "messages": [{"$ref": f"{channel}/messages/{each.ref.short}"} for each in subject.versions],
    }


def _message(contract: Contract) -> dict[str, Any]:
    avro = read_avro(contract.json, contract.subject)
    headers = message_headers(contract)
    return {
        "name": contract.ref.short,
        "title": contract.record.full_name,
        "summary": contract.doc,
        "contentType": _CONTENT_TYPES[_encoding(contract).body],
        **({"headers": headers} if headers else {}),
        "payload": {"schemaFormat": AVRO if is_admitted(avro) else WIDER_AVRO, "schema": avro},
        "examples": [{"name": contract.ref.short, "payload": example_event(contract.record)}],
        "x-headrace": settings_of(contract),
    }


def _schema_binding(contract: Contract) -> dict[str, Any] | None:
    """Return the schema of a topic as ``headrace contracts publish`` names it; None if no schema fits its payloads."""
    encoding = _encoding(contract)
    name = _SERVICE_ENCODINGS.get(encoding.body)
    if name is None or encoding.frame is not Frame.NONE or encoding.compression or encoding.base64:
        return None
    return {"schemaSettings": {"encoding": name, "name": contract.subject}, "bindingVersion": _BINDING}


def _encoding(contract: Contract) -> Encoding:
    return contract.options.encodings[0]
