"""Checks and defaults of topics and subscriptions. Source: Google's reference of the Pub/Sub API."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from headrace.dev.broker.broker_errors import failed_precondition, invalid, unimplemented
from headrace.dev.broker.message_filter import parse_filter

ACTIVE: Final = 1
_MINUTES, _DAYS = 60, 86_400
_ACK_DEADLINE: Final = (10, 600)
_NEW_DEADLINE: Final = (0, 600)
_RETENTION: Final = (10 * _MINUTES, 31 * _DAYS)
_ATTEMPTS: Final = (5, 100)
_BACKOFF: Final = (0, 600)
_LEAST_TTL: Final = _DAYS
_MOST_LABELS: Final = 64
_LABEL_KEY: Final = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[\w-]{0,63}")
_EXPORTS: Final = ("bigquery_config", "cloud_storage_config", "bigtable_config")
_TOPIC_FIELDS: Final = frozenset(
    {
        "labels",
        "message_storage_policy",
        "message_retention_duration",
        "schema_settings",
        "kms_key_name",
        "ingestion_data_source_settings",
        "message_transforms",
    }
)
_SUBSCRIPTION_FIELDS: Final = frozenset(
    {
        "ack_deadline_seconds",
        "bigquery_config",
        "bigtable_config",
        "cloud_storage_config",
        "dead_letter_policy",
        "enable_exactly_once_delivery",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "message_transforms",
        "push_config",
        "retain_acked_messages",
        "retry_policy",
    }
)
_SNAPSHOT_FIELDS: Final = frozenset({"labels", "expire_time"})


def complete_topic(topic: Any) -> None:
    """Check a Topic, and set what the service sets. Raises BrokerError."""
    if topic.HasField("ingestion_data_source_settings"):
        raise unimplemented("ingestion from other sources; leave ingestion_data_source_settings out")
    _complete(topic)
    if topic.HasField("message_retention_duration"):
        _check_range("message_retention_duration", topic.message_retention_duration.seconds, _RETENTION)
    topic.state = ACTIVE


def complete_subscription(subscription: Any) -> None:
    """Check a Subscription, and set the defaults. Raises BrokerError."""
    _complete(subscription)
    subscription.ClearField("topic_message_retention_duration")
    deliveries = _deliveries(subscription)
    if len(deliveries) > 1:
        raise invalid(f"A subscription delivers in one way at most, not by {' and '.join(deliveries)}.")
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or _ACK_DEADLINE[0]
    check_ack_deadline(subscription.ack_deadline_seconds)
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.CopyFrom(Duration(seconds=7 * _DAYS))
    _check_range("message_retention_duration", subscription.message_retention_duration.seconds, _RETENTION)
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.CopyFrom(Duration(seconds=31 * _DAYS))
    if subscription.expiration_policy.HasField("ttl") and subscription.expiration_policy.ttl.seconds < _LEAST_TTL:
        raise invalid("Invalid expiration_policy: its ttl must be at least one day.")
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or _ATTEMPTS[0]
        _check_range("max_delivery_attempts", policy.max_delivery_attempts, _ATTEMPTS)
    if subscription.HasField("retry_policy"):
        for name in ("minimum_backoff", "maximum_backoff"):
            _check_range(name, getattr(subscription.retry_policy, name).seconds, _BACKOFF)
    parse_filter(subscription.filter)
    subscription.state = ACTIVE


def check_ack_deadline(seconds: int) -> None:
    """Check the deadline of a subscription or a stream. Raises BrokerError."""
    _check_range("ack_deadline_seconds", seconds, _ACK_DEADLINE)


def check_new_deadline(seconds: int) -> None:
    """Check the deadline that a message gets, which zero ends. Raises BrokerError."""
    _check_range("ack_deadline_seconds", seconds, _NEW_DEADLINE)


def check_can_be_pulled(subscription: Any) -> None:
    """Check that a subscription delivers to those who pull. Raises BrokerError."""
    if subscription.detached:
        raise failed_precondition(f"The subscription is detached (resource={subscription.name}).")
    if deliveries := _deliveries(subscription):
        raise failed_precondition(f"The subscription delivers by {deliveries[0]} (resource={subscription.name}).")


def check_labels(labels: Mapping[str, str]) -> None:
    """Check the labels of a resource. Raises BrokerError."""
    if len(labels) > _MOST_LABELS:
        raise invalid(f"A resource has {len(labels)} labels; the maximum is {_MOST_LABELS}.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value) or (key + value).lower() != key + value:
            raise invalid(
                "Invalid label: keys and values have at most 63 lower-case letters, digits, _ and -; "
                "a key begins with a letter."
            )


def merge_topic(given: Any, mask: FieldMask, topic: Any) -> None:
    """Set the fields in *mask* of *topic* to those that were *given*. Raises BrokerError for other fields."""
    _merge(given, mask, topic, _TOPIC_FIELDS)
    complete_topic(topic)


def merge_subscription(given: Any, mask: FieldMask, subscription: Any) -> None:
    """Set the fields in *mask* of *subscription* to those that were *given*. Raises BrokerError for other fields."""
    _merge(given, mask, subscription, _SUBSCRIPTION_FIELDS)
    complete_subscription(subscription)


def merge_snapshot(given: Any, mask: FieldMask, snapshot: Any) -> None:
    """Set the fields in *mask* of *snapshot* to those that were *given*. Raises BrokerError for other fields."""
    _merge(given, mask, snapshot, _SNAPSHOT_FIELDS)
    check_labels(snapshot.labels)


def _complete(resource: Any) -> None:
    """Check and set what topics and subscriptions have in common."""
    if resource.message_transforms:
        raise unimplemented("message transforms; leave message_transforms out")
    check_labels(resource.labels)
    resource.ClearField("tags")  # input only


def _deliveries(subscription: Any) -> list[str]:
    """Return the settings by which a subscription delivers elsewhere than to those who pull."""
    pushes = ["push_config"] if subscription.push_config.push_endpoint else []
    return pushes + [name for name in _EXPORTS if subscription.HasField(name)]


def _merge(given: Any, mask: FieldMask, resource: Any, changeable: Collection[str]) -> None:
    if not mask.paths:
        raise invalid("The update_mask in the request is empty. Name the fields to update.")
    for path in mask.paths:
        if path.split(".")[0] not in changeable:
            raise invalid(f"Invalid update_mask provided in the request: {path} is unknown or cannot be changed.")
    try:
        mask.MergeMessage(given, resource, replace_message_field=True, replace_repeated_field=True)
    except ValueError as error:
        raise invalid(f"Invalid update_mask provided in the request: {error}.") from None


def _check_range(name: str, value: float, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= value <= most:
        raise invalid(f"Invalid {name}: {value:g}. It must be between {least} and {most}.")
