"""A Beam pipeline as users write it: ``python -m tests.conformance.beam_reader KIND NAME [TIMESTAMP_ATTRIBUTE]``.

It reads a topic or a subscription (KIND) on the streaming DirectRunner, and prints a line of JSON for each message. It
runs until it is stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.options.pipeline_options import PipelineOptions


class _Describe(beam.DoFn):
    def process(self, message: PubsubMessage, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[str]:
        yield json.dumps(
            {
                "data": message.data.decode(),
                "attributes": message.attributes,
                "id": message.message_id,
                "key": message.ordering_key,
                "micros": timestamp.micros,
            }
        )


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(kind: str, name: str, timestamp_attribute: str | None = None) -> None:
    """Read and print until stopped."""
    source: dict[str, Any] = {kind: name, "with_attributes": True, "timestamp_attribute": timestamp_attribute}
    with beam.Pipeline(options=PipelineOptions(["--streaming", "--runner=DirectRunner"])) as pipeline:
        described = beam.ParDo(_Describe())  # type: ignore[no-untyped-call] # of DoFn
        _ = pipeline | ReadFromPubSub(**source) | described | beam.Map(_print)


if __name__ == "__main__":
    main(*sys.argv[1:])
