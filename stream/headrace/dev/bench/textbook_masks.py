"""The textbook mask: a recursive walk over dicts, planned once from the ``pii`` annotations of a schema."""

from __future__ import annotations

import hmac
import ipaddress
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

Change = Callable[[Any], Any]
_PREFIX = "t1_"  # the first version of a key
_KEPT = {4: 24, 6: 48}  # bits of an address


@dataclass(frozen=True, slots=True)
class Maskers:
    """The masks of a record: it loses the *omitted* fields, and functions change the *changed* ones."""

    omitted: tuple[str, ...]
    changed: tuple[tuple[str, Change], ...]

    def apply(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Mask *fields* in place."""
        for name in self.omitted:
            del fields[name]
        for name, change in self.changed:
            value = fields[name]
            if value is not None:
                fields[name] = change(value)
        return fields


def plan_masks(record: dict[str, Any], key: bytes) -> Maskers:
    """Find the personal fields of *record*, an Avro schema as JSON, at any depth."""
    omitted, changed = [], []
    for field in record["fields"]:
        pii = field.get("pii")
        if isinstance(pii, dict):
            if pii["mask"] == "omit":
                omitted.append(field["name"])
            else:
                changed.append((field["name"], _mask(pii, key)))
        else:
            inner = _within(field["type"], key)
            if inner is not None:
                changed.append((field["name"], inner))
    return Maskers(tuple(omitted), tuple(changed))


def _within(type_: Any, key: bytes) -> Change | None:
    """Return a function that masks the personal fields inside a value, or None without personal fields."""
    if isinstance(type_, list):
        return next((change for change in (_within(each, key) for each in type_) if change is not None), None)
    if not isinstance(type_, dict):
        return None
    if type_["type"] == "record":
        masks = plan_masks(type_, key)
        return masks.apply if masks.changed or masks.omitted else None
    if type_["type"] == "array":
        items = _within(type_["items"], key)
        return None if items is None else lambda values: [items(value) for value in values]
    return None


def _mask(pii: dict[str, Any], key: bytes) -> Change:
    match pii["mask"]:
        case "redact":
            return lambda value: None
        case "tokenise":
            domain = hmac.new(key, pii["kind"].encode(), sha256).digest()
            return partial(_token, hmac.new(domain, None, sha256), pii["kind"] == "email")
        case "partial":
            return partial(_keep_last, pii["keep_last"])
        case _:
            return _GENERALISE[pii["to"]](pii)


def _token(prepared: hmac.HMAC, fold: bool, value: Any) -> str:
    text = unicodedata.normalize("NFKC", str(value)).strip()
    mac = prepared.copy()
    mac.update((text.casefold() if fold else text).encode())
    return _PREFIX + mac.hexdigest()[:32]


def _keep_last(count: int, value: str) -> str:
    return "*" * len(value) if len(value) <= count else "*" * (len(value) - count) + value[-count:]


def _network(value: str) -> str | None:
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    return str(ipaddress.ip_network((address, _KEPT[address.version]), strict=False))


def _bucket(size: int, value: int) -> int:
    return value // size * size


_GENERALISE: dict[str, Callable[[dict[str, Any]], Change]] = {
    "month": lambda pii: lambda value: value.replace(day=1),
    "network": lambda pii: _network,
    "bucket": lambda pii: partial(_bucket, pii["size"]),
}
