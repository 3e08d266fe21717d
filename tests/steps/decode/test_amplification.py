"""A few bytes on the wire may be many in columns: rounds are cut before they take more memory than they may."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from headrace.beam.decode_dofn import _DecodeFn
from headrace.config.secrets import HeldKey
from headrace.core.message import Message
from headrace.core.routes import Routes
from headrace.engine.prepare import Preparation
from headrace.engine.pulled import Pulled
from headrace.engine.receipts import receipts_for
from headrace.engine.rounds import Round, next_round
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.errors import ContractError
from headrace.schemas.layout import amplification
from headrace.schemas.model import MAX_COLUMN_BYTES
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import MAX_BATCH_BYTES, Decoder, decode, decode_all
from headrace.steps.mask.tokens import TokenKey
from tests.support.builders import MOMENT, a_contract, a_record, encode
from tests.support.readers import KINDS, columns_of

MINUTE = timedelta(minutes=1)
ITEMS = 9_000


def of_doubles(count: int, version: int = 1) -> Contract:
    """Arrays of records that are a byte when null, and *count* optional doubles in columns."""
    wide = a_record("Wide", *[(f"d{number}", ["null", "double"]) for number in range(count)])
    items = a_record("Item", ("o", ["null", wide]))
    return a_contract(("xs", {"type": "array", "items": items}), version=version)


WIDE = of_doubles(200)
REGISTRY = Registry({WIDE.ref: WIDE})


def a_message(number: int, items: int = ITEMS) -> Message:
    data = encode(WIDE, {"xs": [{"o": None}] * items, "at": MOMENT})
    envelope = Envelope(f"e{number}", WIDE.ref, MOMENT, "/test")
    return Message(WIDE.subject, data, envelope.to_attributes(), f"m{number}", to_micros(MOMENT))


MESSAGES = [a_message(number) for number in range(300)]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_one_decode_are_bounded_and_what_is_left_comes_next(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.steps.decode.decode_messages.columns_for", partial(columns_of, kind))
    messages = MESSAGES[:6]
    monkeypatch.setattr("headrace.steps.decode.decode_messages.MAX_BATCH_BYTES", 2 * MAX_COLUMN_BYTES)
    assert sum(len(each.data) for each in messages) < 60_000

    parts = [(len(part), decoded) for part, decoded in decode_all(messages, Decoder(REGISTRY, WIDE.subject), 0)]

    assert sum(count for count, _ in parts) == len(messages)
    assert len(parts) >= 2
    for count, decoded in parts:
        assert decoded.batch is not None
        assert decoded.refusals == []
        assert len(decoded.batch) == count
        assert decoded.batch.rows.nbytes <= 4 * MAX_COLUMN_BYTES


def test_three_hundred_small_messages_do_not_take_gigabytes() -> None:
    decoder = Decoder(REGISTRY, WIDE.subject)

    decoded = decode(MESSAGES, decoder, 0)

    assert decoded.batch is not None
    assert decoded.left == len(MESSAGES) - len(decoded.batch)
    assert decoded.batch.rows.nbytes <= MAX_BATCH_BYTES + MAX_COLUMN_BYTES
    assert [each.as_py() for each in decoded.batch.rows.column("_event_id")] == [
        f"e{number}" for number in range(len(decoded.batch))
    ]


def test_what_is_refused_beyond_the_cut_is_refused_when_its_turn_comes() -> None:
    broken = Message(WIDE.subject, b"", {}, "broken", 0)
    messages = [broken, *MESSAGES[:20], broken]

    found = [(len(part), [each.index for each in decoded.refusals]) for part, decoded in decode_all(
        messages, Decoder(REGISTRY, WIDE.subject), 0
    )]  # fmt: skip

    assert found[0][1] == [0]
    assert found[-1][1] == [found[-1][0] - 1]
    assert sum(len(refused) for _, refused in found) == 2


def test_a_message_beyond_the_bound_of_one_is_refused_alone() -> None:
    neighbours = [a_message(1, items=10), a_message(2, items=10_000), a_message(3, items=10)]

    decoded = decode(neighbours, Decoder(REGISTRY, WIDE.subject), 0)

    assert [(each.index, each.detail) for each in decoded.refusals] == [
        (1, f"xs: columns of more than {MAX_COLUMN_BYTES} bytes at byte 0")
    ]
    assert decoded.batch is not None
    assert len(decoded.batch) == 2


def test_a_round_is_cut_and_acknowledged_with_the_last_of_it() -> None:
    preparation = Preparation(REGISTRY, WIDE.subject, MINUTE, TokenKey(bytes(32)))
    pulled = [Pulled(MESSAGES[:12], [f"ack {number}" for number in range(12)], 0.0)]
    rest: Round | None = next_round(
        pulled, lambda messages: dict(zip(receipts_for(messages), messages, strict=True)), None
    )
    ids, acknowledged, redelivered = [], [], 0
    while rest is not None:
        ready, rest = rest.cut(preparation.prepare(list(rest.messages.values()), to_micros(MOMENT)))
        assert ready.prepared is not None
        assert ready.prepared.batch is not None
        assert len(ready.prepared.batch) == len(ready.messages)
        ids += [message.message_id for message in ready.messages.values()]
        acknowledged.append([*ready.pulled])
        redelivered += ready.redelivered

    assert ids == [f"m{number}" for number in range(12)]
    assert acknowledged[-1] == pulled
    assert not any(acknowledged[:-1])
    assert len(acknowledged) >= 3
    assert redelivered == 0


def test_on_dataflow_a_list_of_messages_becomes_several_micro_batches() -> None:
    step = _DecodeFn(
        REGISTRY,
        Routes(),
        window=MINUTE,
        clock=lambda: to_micros(MOMENT),
        sealing=HeldKey(b"wide".ljust(32)),
        decoder=Decoder,
    )
    step.setup()

    batches = [each for each in step.process(MESSAGES[:12]) if not hasattr(each, "tag")]

    assert sum(map(len, batches)) == 12
    assert len(batches) >= 3
    assert all(each.rows.nbytes <= MAX_BATCH_BYTES + MAX_COLUMN_BYTES for each in batches)


def test_the_lint_bounds_what_one_byte_becomes() -> None:
    assert 1_801 <= amplification(WIDE.record) <= 2_000
    with pytest.raises(ContractError, match=r"xs: items of which one byte on the wire becomes more than 4096 bytes"):
        of_doubles(500)
