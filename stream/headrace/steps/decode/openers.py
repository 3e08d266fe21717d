"""The reader of envelopes that a subject's newest contract asks for."""

from __future__ import annotations

from headrace.schemas.message_rules.envelope import EnvelopeKind
from headrace.schemas.registry import Registry
from headrace.steps.decode.mapped_messages import MappedMessages
from headrace.steps.decode.native_messages import NativeMessages
from headrace.steps.decode.opened_messages import Opener
from headrace.steps.decode.schema_versions import AskRegistry


def opener_of(registry: Registry, subject: str, ask: AskRegistry | None = None) -> Opener:
    """Return the reader of *subject*'s envelopes; *ask* resolves schema ids that no contract lists."""
    if registry.latest(subject).options.envelope.kind is EnvelopeKind.HEADRACE:
        return NativeMessages(registry, subject)
    return MappedMessages(registry, subject, ask)
