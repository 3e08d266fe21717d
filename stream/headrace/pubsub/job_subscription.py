"""The subscription that the job reads: its wanted properties, and the differences of an existing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from google.api_core.exceptions import NotFound
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import ExpirationPolicy, Subscription

from headrace.core.resource_names import DEAD_LETTERS, PROVISIONED, Names
from headrace.schemas.envelope import from_micros, to_micros

ACK_SECONDS: Final = 60
CALL_SECONDS: Final = 10.0
RETENTION_SECONDS: Final = 7 * 86_400
CREATED: Final = "headrace-created"  # a label, because Pub/Sub does not record when a subscription was created
_FORMAT: Final = "%Y%m%d%H%M%S"  # in UTC; a label may not contain colons
DELETED_TOPIC: Final = "_deleted-topic_"
EXPORTS: Final = {
    "bigquery_config": "BigQuery",
    "cloud_storage_config": "Cloud Storage",
    "bigtable_config": "Bigtable",
}
_CREATE_AGAIN: Final = "pull what it still holds, delete it, and run `headrace provision` again"


@dataclass(frozen=True, slots=True)
class Difference:
    """A property of a subscription that differs from the wanted one.

    *field* is the property that an update changes, or None if no update can. *before* and *after* are its values for
    people to read. If *loses*, events that are published meanwhile may never reach the reader of the subscription.
    """

    found: str
    remedy: str
    loses: bool
    field: str | None = None
    before: str | None = None
    after: str | None = None


MISSING: Final = Difference("the subscription does not exist", "`headrace provision` creates it", loses=True)


def subscription_for(name: str, topic: str, created: int) -> Subscription:
    """Return the wanted subscription; *created* is its time of creation in microseconds since 1970."""
    return Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=ACK_SECONDS,
        message_retention_duration=Duration(seconds=RETENTION_SECONDS),
        expiration_policy=ExpirationPolicy(),  # never; by default, 31 days without a pull delete it and its messages
        labels={CREATED: f"{from_micros(created):{_FORMAT}}", **PROVISIONED},
    )


def created_at(existing: Subscription) -> int | None:
    """Return when a subscription was created, in microseconds since 1970, or None without a valid label."""
    try:
        moment = datetime.strptime(existing.labels.get(CREATED, ""), _FORMAT)
    except ValueError:
        return None
    return to_micros(moment.replace(tzinfo=UTC))


def differences(existing: Subscription, topic: str) -> list[Difference]:
    """Return how a subscription differs from the wanted one that reads *topic*.

    A longer retention, another acknowledgement deadline, ordering and exactly-once delivery lose no events. They are
    the operator's choice.
    """
    return [*_source(existing, topic), *_delivery(existing), *_keeping(existing)]


def _source(existing: Subscription, topic: str) -> Iterator[Difference]:
    if existing.topic == DELETED_TOPIC:
        yield Difference(
            f"its topic was deleted, so it receives nothing, even if {topic} exists again", _CREATE_AGAIN, loses=True
        )
    elif existing.topic != topic:
        yield Difference(f"it belongs to {existing.topic} and receives nothing from {topic}", _CREATE_AGAIN, loses=True)
    if existing.detached:
        yield Difference("it is detached from its topic", _CREATE_AGAIN, loses=True)
    if existing.filter:
        yield Difference("it has a filter, so some events never arrive", _CREATE_AGAIN, loses=True)


def _delivery(existing: Subscription) -> Iterator[Difference]:
    if existing.push_config.push_endpoint:
        yield Difference(
            "it pushes messages to an endpoint", _UPDATE, loses=True, field="push_config", before="an endpoint"
        )
    for field, where in EXPORTS.items():
        if field in existing:
            yield Difference(f"it exports messages to {where}", _CREATE_AGAIN, loses=True)
    if existing.message_transforms:
        count = str(len(existing.message_transforms))
        yield Difference("it transforms messages", _UPDATE, loses=True, field="message_transforms", before=count)
    elsewhere = existing.dead_letter_policy.dead_letter_topic
    if elsewhere and elsewhere.rpartition("/")[2] != DEAD_LETTERS:
        yield Difference(
            f"it forwards messages that are delivered often to {elsewhere}",
            _UPDATE,
            loses=True,
            field="dead_letter_policy",
            before=elsewhere,
        )


def _keeping(existing: Subscription) -> Iterator[Difference]:
    kept = cast("timedelta", existing.message_retention_duration).total_seconds()
    if kept < RETENTION_SECONDS:
        yield Difference(
            f"it keeps messages for {kept / 3600:g} hours instead of {RETENTION_SECONDS // 3600}",
            _UPDATE,
            loses=True,
            field="message_retention_duration",
            before=f"{kept / 3600:g} hours",
            after=f"{RETENTION_SECONDS // 3600} hours",
        )
    if existing.expiration_policy.ttl:
        unused = cast("timedelta", existing.expiration_policy.ttl)
        yield Difference(
            "it is deleted with its messages when nobody pulls",
            _UPDATE,
            loses=False,
            field="expiration_policy",
            before=f"after {unused / timedelta(days=1):g} days without a pull",
            after="never",
        )


_UPDATE: Final = "`headrace provision` changes it"


def look_at_letters(subscriber: SubscriberClient, names: Names) -> list[str]:
    """Check the subscription of dead letters; return its problems with their remedies.

    Raise the client's errors.
    """
    name = names.dead_letter_subscription
    try:
        found = subscriber.get_subscription(subscription=name, retry=None, timeout=CALL_SECONDS)
    except NotFound:
        wrong = [MISSING]
    else:
        wrong = [each for each in differences(found, names.dead_letter_topic) if each.loses]
    return [f"{name}: {each.found}; {each.remedy}" for each in wrong]
