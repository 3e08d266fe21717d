"""Topics and subscriptions, compared with those that the contracts and the settings want.

Headrace creates the topic and the subscription of a subject, unless the settings name existing ones. Those are only
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from google.api_core.exceptions import Forbidden, NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.core.plan_changes import Change, Comparison, Note, PropertyChange
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import PROVISIONED, Names
from headrace.pubsub.existing_subscription import MISSING_EXISTING, existing_notes, existing_problems
from headrace.pubsub.job_subscription import Difference, differences, subscription_for
from headrace.runtime.clock import now_micros
from headrace.schemas.registry import Registry

TOPIC: Final = "topic"
SUBSCRIPTION: Final = "subscription"
_UNSEEN: Final = "these credentials may not look at it"


def pubsub_comparisons(
    registry: Registry, names: Names, publisher: PublisherClient, subscriber: SubscriberClient
) -> Iterator[Comparison]:
    """Yield a comparison for each wanted topic and subscription, in the order in which the changes must be made."""
    for subject in registry.subjects:
        topic, subscription = names.topic(subject), names.subscription(subject)
        if names.has_own_topic(subject):
            yield Comparison(TOPIC, topic, partial(_topic_changes, topic, publisher))
        else:
            yield Comparison(TOPIC, topic, partial(_existing_topic, subject, names, publisher, subscriber))
        wanted = names.has_own_subscription(subject)
        find = partial(_subscription_changes, subscription, topic) if wanted else partial(_unread, subscription)
        yield Comparison(SUBSCRIPTION, subscription, partial(find, client=subscriber))
    letters = names.dead_letter_topic, names.dead_letter_subscription
    yield Comparison(TOPIC, letters[0], partial(_topic_changes, letters[0], publisher))
    yield Comparison(SUBSCRIPTION, letters[1], partial(_subscription_changes, letters[1], letters[0], subscriber))
    for route in names.routes.routes:
        subjects = [each for each in route.all_subjects if each in registry.subjects]
        look = partial(_existing_subscription, route.subscription, names, subjects, subscriber)
        yield Comparison(SUBSCRIPTION, route.subscription, look)


def _topic_changes(name: str, client: PublisherClient) -> Iterator[Change]:
    try:
        client.get_topic(topic=name)
    except NotFound:
        yield Change("create", TOPIC, name, partial(client.create_topic, request={"name": name, "labels": PROVISIONED}))


def _existing_topic(
    subject: str, names: Names, client: PublisherClient, subscriber: SubscriberClient
) -> Iterator[Refusal | Note]:
    name = names.topic(subject)
    if not names.has_own_subscription(subject) and _is_unread(name, names.subscriptions(subject), subscriber):
        why = f"no subscription of {subject} reads it, so events that are replayed would be lost"
        yield Refusal(TOPIC, name, why, f"remove {subject} from `topics`, or name a subscription of this topic")
    try:
        client.get_topic(topic=name)
    except NotFound:
        yield Refusal(TOPIC, name, "the topic does not exist", "create it, or correct its name in `topics`")
    except Forbidden:
        yield Note(TOPIC, name, _UNSEEN, "grant pubsub.topics.get on it, to check that it exists", matters=True)


def _is_unread(topic: str, subscriptions: tuple[str, ...], client: SubscriberClient) -> bool:
    """Return whether it is certain that none of the *subscriptions* is of *topic*."""
    try:
        return all(client.get_subscription(subscription=each).topic != topic for each in subscriptions)
    except (NotFound, Forbidden):  # the comparison of that subscription reports it
        return False


def _subscription_changes(name: str, topic: str, client: SubscriberClient) -> Iterator[Change | Refusal]:
    wanted = subscription_for(name, topic, now_micros())
    try:
        existing = client.get_subscription(subscription=name)
    except NotFound:
        yield Change("create", SUBSCRIPTION, name, partial(client.create_subscription, request=wanted))
        return
    found = differences(existing, topic)
    refused = [each for each in found if each.field is None]
    yield from (Refusal(SUBSCRIPTION, name, each.found, each.remedy) for each in refused)
    if found and not refused:
        mask = FieldMask(paths=[each.field for each in found if each.field])
        update = partial(client.update_subscription, request={"subscription": wanted, "update_mask": mask})
        can_wait = not any(each.loses for each in found)
        diff = tuple(PropertyChange(str(each.field), each.before, each.after) for each in found)
        yield Change("update", SUBSCRIPTION, name, update, "; ".join(each.found for each in found), can_wait, diff)


def _unread(name: str, client: SubscriberClient) -> Iterator[Note]:
    """Note a subscription of Headrace that is read no more, since the settings name topic and subscription."""
    try:
        client.get_subscription(subscription=name)
    except NotFound:
        return
    remedy = "if it still has messages, read them without `topics` first; then delete it"
    yield Note(SUBSCRIPTION, name, "it exists and nobody reads it, because the settings name others", remedy, True)


def _existing_subscription(
    name: str, names: Names, subjects: list[str], client: SubscriberClient
) -> Iterator[Refusal | Note]:
    try:
        existing = client.get_subscription(subscription=name)
    except NotFound:
        yield _refusal(name, MISSING_EXISTING)
        return
    except Forbidden:
        yield Note(SUBSCRIPTION, name, _UNSEEN, "grant pubsub.subscriptions.get on it; the job needs it too", True)
        return
    yield from (_refusal(name, each) for each in existing_problems(existing))
    for each in existing_notes(existing):
        yield Note(SUBSCRIPTION, name, each.found, each.remedy, matters=each.loses)
    yield from _topics(name, existing.topic, names, subjects)


def _topics(name: str, topic: str, names: Names, subjects: list[str]) -> Iterator[Note]:
    """Note subjects whose events arrive twice, because their own subscription reads the same topic."""
    for subject in subjects:
        if names.has_own_subscription(subject) and topic == names.topic(subject):
            why = f"{names.subscription(subject)} reads {topic} too, so each event of {subject} arrives twice"
            remedy = f'add {subject} = "{topic}" to `topics`: then the job reads this one alone'
            yield Note(SUBSCRIPTION, name, why, remedy, matters=True)


def _refusal(name: str, difference: Difference) -> Refusal:
    return Refusal(SUBSCRIPTION, name, difference.found, difference.remedy)
