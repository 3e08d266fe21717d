"""Read subscriptions with Beam, into lists of messages of one subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.transforms.util import BatchElements

from headrace.core.message import Message
from headrace.core.routes import Route
from headrace.schemas.envelope import to_micros
from headrace.steps.decode.subject_routers import Router


def to_message(message: PubsubMessage, subject: str, subscription: str = "") -> Message:
    """Convert a message of Beam to one of Headrace; *subscription* is the full name of an existing one."""
    return Message(
        subject=subject,
        data=message.data,
        attributes=dict(message.attributes or {}),
        message_id=message.message_id or "",
        published_at=to_micros(message.publish_time),
        ordering_key=message.ordering_key or "",
        subscription=subscription,
    )


def to_routed_message(message: PubsubMessage, subscription: str, router: Router) -> Message:
    """Convert a message of an existing subscription; its subject is that subscription if it has none."""
    return to_message(message, router.subject_of(message.attributes or {}, message.data), subscription)


def by_subject(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield *messages* in lists of one subject each, in their order."""
    found: dict[str, list[Message]] = {}
    for message in messages:
        found.setdefault(message.subject, []).append(message)
    yield from found.values()


@dataclass
class ReadSubscriptions(beam.PTransform[Any, Any]):
    """A transform that reads subscriptions: those that Headrace has created, by subject, and existing ones.

    The embedded engine uses ``headrace.engine.sources``.
    """

    subscriptions: Mapping[str, str]
    batch_messages: int
    routes: Sequence[tuple[Route, Router]] = ()

    def expand(self, begin: Any) -> beam.PCollection[Any]:
        """Build one branch for each subscription.

        Labels are part of a running job. They contain the name of the subject, or that of the existing subscription.
        """
        branches = [
            self._branch(begin, subject, path, beam.Map(to_message, subject))
            for subject, path in sorted(self.subscriptions.items())
        ]
        branches += [self._existing(begin, route, router) for route, router in self.routes]
        gathered: beam.PCollection[Any] = branches | "GatherSubjects" >> beam.Flatten()
        return gathered

    def _existing(self, begin: Any, route: Route, router: Router) -> beam.PCollection[Any]:
        _, project, _, name = route.subscription.split("/")
        label = f"{project}:{name}"
        batches = self._branch(
            begin, label, route.subscription, beam.Map(to_routed_message, route.subscription, router)
        )
        if not route.is_shared:
            return batches
        split: beam.PCollection[Any] = batches | f"BySubject[{label}]" >> beam.FlatMap(by_subject)
        return split

    def _branch(self, begin: Any, label: str, path: str, convert: Any) -> beam.PCollection[Any]:
        read = ReadFromPubSub(subscription=path, with_attributes=True)
        batch = BatchElements(min_batch_size=1, max_batch_size=self.batch_messages)
        batches: beam.PCollection[Any] = (
            begin | f"Read[{label}]" >> read | f"ToMessage[{label}]" >> convert | f"Batch[{label}]" >> batch
        )
        return batches
