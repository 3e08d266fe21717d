"""The reader of envelopes that a subject's newest contract asks for."""

from __future__ import annotations

from headrace.schemas.message_rules.envelope import EnvelopeKind
from headrace.schemas.registry import Registry
from headrace.steps.decode.large_payloads import ReadObjects, reads_nothing
from headrace.steps.decode.mapped_messages import MappedMessages
from headrace.steps.decode.native_messages import NativeMessages
from headrace.steps.decode.opened_messages import Opener
from headrace.steps.decode.schema_versions import AskRegistry


def opener_of(
    registry: Registry, subject: str, ask: AskRegistry | None = None, read_objects: ReadObjects = reads_nothing
) -> Opener:
    """Return the reader of *subject*'s envelopes.

    *ask* resolves schema ids that no contract lists, and *read_objects* reads payloads that lie in buckets.
    """
    if registry.latest(subject).options.envelope.kind is EnvelopeKind.HEADRACE:
        return NativeMessages(registry, subject, read_objects)
    return MappedMessages(registry, subject, ask, read_objects)
