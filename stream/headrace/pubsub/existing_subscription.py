"""The properties of a subscription that exists already: problems, and notes on the choices of its owner.

Headrace does not change such a subscription. A problem keeps messages from the job. A note says what a choice means.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, cast

from google.pubsub_v1.types import Subscription

from headrace.pubsub.job_subscription import DELETED_TOPIC, EXPORTS, Difference

_OWNER: Final = "ask its owner to change it, or name another one in `subscriptions`"
_SHORT: Final = timedelta(days=7)
MISSING_EXISTING: Final = Difference(
    "the subscription does not exist", "create it, or correct its name in `subscriptions`", loses=True
)


def existing_problems(existing: Subscription) -> list[Difference]:
    """Return the reasons why the job receives nothing from an existing subscription."""
    return list(_problems(existing))


def existing_notes(existing: Subscription) -> list[Difference]:
    """Return what the properties that the owner chose mean for the job; those that may lose events say so."""
    return [*_ways_out(existing), *_ways_of_delivery(existing)]


def _problems(existing: Subscription) -> Iterator[Difference]:
    if existing.topic == DELETED_TOPIC:
        yield Difference("its topic was deleted, so it receives nothing", _OWNER, loses=True)
    if existing.detached:
        yield Difference("it is detached from its topic", _OWNER, loses=True)
    if existing.push_config.push_endpoint:
        yield Difference("it pushes messages to an endpoint, and cannot be pulled", _OWNER, loses=True)
    for field, where in EXPORTS.items():
        if field in existing:
            yield Difference(f"it exports messages to {where}, and cannot be pulled", _OWNER, loses=True)


def _ways_out(existing: Subscription) -> Iterator[Difference]:
    if elsewhere := existing.dead_letter_policy.dead_letter_topic:
        attempts = existing.dead_letter_policy.max_delivery_attempts or 5
        why = f"after {attempts} deliveries a message goes to {elsewhere}, also while Headrace only waits"
        yield Difference(why, f"raise the number, remove the policy, or collect what {elsewhere} gets", loses=True)
    kept = cast("timedelta", existing.message_retention_duration)
    if kept < _SHORT:
        why = f"it keeps messages for {kept.total_seconds() / 3600:g} hours: a longer outage of Headrace loses events"
        yield Difference(why, "ask its owner for 7 days", loses=True)
    if existing.expiration_policy.ttl:
        why = "it is deleted with its messages when nobody pulls for some time"
        yield Difference(why, "ask its owner to let it never expire", loses=True)


def _ways_of_delivery(existing: Subscription) -> Iterator[Difference]:
    if existing.filter:
        yield Difference("it has a filter: what that leaves out is neither a row nor a dead letter", "", loses=False)
    if existing.message_transforms:
        yield Difference("it transforms messages: Headrace reads what the transformation leaves", "", loses=False)
    if existing.enable_exactly_once_delivery:
        yield Difference("its exactly-once delivery is not needed, and makes pulls slower", "", loses=False)
    if existing.enable_message_ordering:
        why = "it keeps the order of each key: a message that waits holds up those behind it"
        yield Difference(why, "", loses=False)
