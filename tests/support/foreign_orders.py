"""Orders of another client with personal data: their contract, and messages as that client writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headrace.schemas.encode import encode
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import MOMENT, a_contract

SUBJECT: Final = "order_placed"
CODE: Final = {"name": "code", "type": "string", "pii": "none"}
EMAIL: Final = {"name": "email", "type": "string", "pii": {"kind": "email", "mask": "redact"}}
AMOUNT: Final = {"name": "amount", "type": ["null", "long"], "default": None, "pii": "none"}
SECRET: Final = "ada@example.com"
KAFKA: Final = {"kind": "attributes", "id": {"attributes": ["kafka.topic", "kafka.partition", "kafka.offset"]}}
OFFSET: Final = {"kafka.topic": "orders", "kafka.partition": "3", "kafka.offset": "17"}
IDS: Final = {1: 7, 2: 8}  # of the team's registry, by version
CONFLUENT: Final[dict[str, Any]] = {"encoding": "confluent", "envelope": KAFKA}


def an_order_contract(version: int = 1, **rules: Any) -> Contract:
    """Version 1 has a code and an e-mail address, version 2 an amount too."""
    fields = [CODE, EMAIL] if version == 1 else [CODE, EMAIL, AMOUNT]
    return a_contract(*fields, subject=SUBJECT, version=version, table="orders", late_after="1825d", **rules)


def orders(versions: Mapping[int, Mapping[str, Any]] | None = None, **rules: Any) -> Registry:
    """Both versions, with *rules* in each and more in that of one version."""
    contracts = [an_order_contract(number, **{**rules, **(versions or {}).get(number, {})}) for number in (1, 2)]
    return Registry({each.ref: each for each in contracts})


def confluent_orders() -> Registry:
    """Orders in Confluent's frame, with the attributes of Google's Kafka sink."""
    return orders({version: {"schema_ids": [number]} for version, number in IDS.items()}, **CONFLUENT)


def a_datum(version: int = 1, **changes: Any) -> bytes:
    """The bytes of one order without a header."""
    event = {"code": "A-1", "email": SECRET, "at": MOMENT} | ({} if version == 1 else {"amount": 5}) | changes
    return encode(an_order_contract(version), event)


def framed(datum: bytes, schema_id: int = IDS[1]) -> bytes:
    """A datum behind Confluent's header."""
    return b"\0" + schema_id.to_bytes(4) + datum


def write_contracts(folder: Path, registry: Registry) -> Path:
    """Write the contracts of *registry* into *folder*, and return it."""
    folder.mkdir(exist_ok=True)
    for contract in registry:
        (folder / f"{contract.ref.short}.avsc").write_text(contract.json)
    return folder
