"""The size of a message is never below what a publisher counts: else a producer of coroutines would block its loop."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from headrace.producers.event_messages import EventMessage
from headrace.producers.transport.publish_calls import message_part

TEXTS = st.text(st.characters(codec="utf-8"), max_size=1024)


@given(st.binary(max_size=3_000), st.dictionaries(TEXTS, TEXTS, max_size=10), TEXTS)
@example(bytes(10_000), {f"ce-{number}": "ü" * 512 for number in range(8)}, "ü" * 512)
@example(b"", {}, "")
def test_a_message_is_no_larger_than_its_size(data: bytes, attributes: dict[str, str], key: str) -> None:
    message = EventMessage("order_placed", data, attributes, key)
    attributes = {**attributes, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "x" * 512}
    assert message.size >= len(message_part(data, attributes, key))
