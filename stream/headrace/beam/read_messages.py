"""Read every subject's subscription with Beam, into lists of messages of one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.transforms.util import BatchElements

from headrace.core.message import Message
from headrace.schemas.envelope import to_micros


def to_message(message: PubsubMessage, subject: str) -> Message:
    """Convert a message of Beam to one of Headrace."""
    return Message(
        subject=subject,
        data=message.data,
        attributes=dict(message.attributes or {}),
        message_id=message.message_id or "",
        published_at=to_micros(message.publish_time),
        ordering_key=message.ordering_key or "",
    )


@dataclass
class ReadSubscriptions(beam.PTransform[Any, Any]):
    """A transform that reads each subject's subscription. The embedded engine uses ``headrace.engine.puller``."""

    subscriptions: Mapping[str, str]
    batch_messages: int

    def expand(self, begin: Any) -> beam.PCollection[Any]:
        """Build one branch for each subject. Its labels contain the subject's name, which never changes."""
        branches = [self._branch(begin, subject, path) for subject, path in sorted(self.subscriptions.items())]
        gathered: beam.PCollection[Any] = branches | "GatherSubjects" >> beam.Flatten()
        return gathered

    def _branch(self, begin: Any, subject: str, path: str) -> beam.PCollection[Any]:
        read = ReadFromPubSub(subscription=path, with_attributes=True)
        batch = BatchElements(min_batch_size=1, max_batch_size=self.batch_messages)
        batches: beam.PCollection[Any] = (
            begin
            | f"Read[{subject}]" >> read
            | f"ToMessage[{subject}]" >> beam.Map(to_message, subject)
            | f"Batch[{subject}]" >> batch
        )
        return batches
