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
    if not message.data and not message.attributes:
        raise invalid("Some messages in the publish request are empty: each needs data or an attribute.")
    if len(message.ordering_key) > MAX_ORDERING_KEY_BYTES // 4:
        _check_bytes("ordering key", message.ordering_key, MAX_ORDERING_KEY_BYTES)
    if message.attributes:
        _check_attributes(message.attributes)


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
