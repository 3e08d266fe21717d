"""The subscriptions and topics of the contracts, with subscriptions first: they go before their topics.

Only resources with the label that `headrace provision` gives are removed. A topic that somebody else reads stays. Those
that the settings name as existing ones are not even looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.core.resource_names import Names, is_provisioned
from headrace.removal.items import NOT_OURS, Fate, Item
from headrace.schemas.registry import Registry


def pubsub_items(
    registry: Registry, names: Names, publisher: PublisherClient, subscriber: SubscriberClient
) -> list[Item]:
    """Return the existing ones. Raise the client's errors."""
    subjects = registry.subjects
    subscriptions = [*map(names.subscription, subjects), names.dead_letter_subscription]
    found = [item for name in subscriptions for item in _subscription(name, subscriber)]
    going = {each.name for each in found if each.fate is Fate.REMOVE}
    for topic in [*map(names.own_topic, subjects), names.dead_letter_topic]:
        found += _topic(topic, going, publisher)
    return found


def _subscription(name: str, client: SubscriberClient) -> Iterator[Item]:
    try:
        existing = client.get_subscription(subscription=name)
    except NotFound:
        return
    remove = partial(client.delete_subscription, subscription=name)
    item = Item(kind="subscription", name=name, remove=remove)
    yield item if is_provisioned(existing.labels) else item.kept(NOT_OURS)


def _topic(name: str, going: set[str], client: PublisherClient) -> Iterator[Item]:
    try:
        existing = client.get_topic(topic=name)
        others = [each for each in client.list_topic_subscriptions(topic=name) if each not in going]
    except NotFound:
        return
    item = Item(kind="topic", name=name, remove=partial(client.delete_topic, topic=name))
    if not is_provisioned(existing.labels):
        yield item.kept(NOT_OURS)
    elif others:
        yield item.kept(f"{', '.join(sorted(others))} reads it")
    else:
        yield item
