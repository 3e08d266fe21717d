"""Decoder of messages whose payloads may lie in buckets, made on a worker."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.runtime.bucket_objects import BucketReader
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.openers import opener_of


def bucket_decoder(folders: Sequence[str], registry: Registry, subject: str) -> Decoder:
    """Return the decoder of *subject*, which reads objects in *folders*.

    After a failed read, the runner tries the bundle again.
    """
    return Decoder(registry, subject, opener_of(registry, subject, read_objects=BucketReader(folders)))
