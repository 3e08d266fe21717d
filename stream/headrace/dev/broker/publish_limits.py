"""Limits of a publish request. Source: Google's pages "Quotas and limits" and "PubsubMessage"."""

from __future__ import annotations

from typing import Any, Final

from headrace.dev.broker.broker_errors import invalid

MAX_MESSAGES: Final = 1_000
MAX_REQUEST_BYTES: Final = 10_000_000
MAX_ATTRIBUTES: Final = 100
MAX_KEY_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1_024
MAX_ORDERING_KEY_BYTES: Final = 1_024
RESERVED: Final = "goog"


def check_request(request: Any) -> None:
    """Check a PublishRequest. Raises BrokerError with INVALID_ARGUMENT."""
    if not request.messages:
        raise invalid("The value for message_count is too small. You passed 0 in the request, but the minimum is 1.")
    if len(request.messages) > MAX_MESSAGES:
        raise invalid(
            f"The value for message_count is too large. You passed {len(request.messages)} in the request, "
            f"but the maximum value is {MAX_MESSAGES}."
        )
    size = request.ByteSize()
    if size > MAX_REQUEST_BYTES:
        raise invalid(
            f"The value for request_size is too large. You passed {size} in the request, "
            f"but the maximum value is {MAX_REQUEST_BYTES}."
        )
    key = request.messages[0].ordering_key
    for message in request.messages:
        _check_message(message)
        if message.ordering_key != key:
            raise invalid("All messages of a publish request must have the same ordering key.")


def _check_message(message: Any) -> None:
    attributes, data, key = message.attributes, message.data, message.ordering_key
    if not data and not attributes:
        raise invalid("Some messages in the publish request are empty: each needs data or an attribute.")
    if len(key) > MAX_ORDERING_KEY_BYTES // 4:
        _check_bytes("ordering key", key, MAX_ORDERING_KEY_BYTES)
    if attributes and not _are_surely_valid(attributes, message.ByteSize() - len(data)):
        _check_attributes(attributes)


def _are_surely_valid(attributes: Any, size: int) -> bool:
    """Return whether attributes of so many bytes are so short that they exceed no limit. This is the usual case, and
    costs a fifth of a look at each."""
    keys = "\n".join(attributes)
    return (
        size <= MAX_VALUE_BYTES
        and len(keys) <= MAX_ATTRIBUTES
        and keys.isascii()
        and RESERVED not in keys
        and "" not in attributes
    )


def _check_attributes(attributes: Any) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise invalid(f"A message has {len(attributes)} attributes; the maximum is {MAX_ATTRIBUTES}.")
    for key, value in attributes.items():
        if not key or key.startswith(RESERVED):
            raise invalid(f"An attribute's key is empty, or begins with the reserved prefix {RESERVED}.")
        _check_bytes("attribute's key", key, MAX_KEY_BYTES)
        _check_bytes("attribute's value", value, MAX_VALUE_BYTES)


def _check_bytes(what: str, text: str, most: int) -> None:
    if len(text) * 4 > most and len(text.encode()) > most:
        raise invalid(f"A message's {what} has more than {most} bytes.")
