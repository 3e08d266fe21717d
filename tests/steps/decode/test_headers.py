"""A payload that is a datum both as it is and behind a known header is refused, unless the contract says which."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.dead_letters.explain import explain
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas import drawn
from headrace.schemas.columns import compiled_module
from headrace.schemas.decoder import Decode, compile_decoder
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.errors import ContractError, InvalidEventError, UndecodableError
from headrace.schemas.headers import HEADERS, Header
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.varint import write_long
from headrace.steps.decode import decode_messages
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.builders import MOMENT, a_contract, a_decimal, encode
from tests.support.readers import KINDS, columns_of, compile_reader, rows
from tests.support.strategies import FIXED_PROFILE, contracts, events

MAC = {"type": "fixed", "name": "Mac", "size": 6}
ADA = {"email": "ada@example.com", "name": "Ada Lovelace", "status": "PLACED", "country": "DE", "order": "s-1"}
KINDS_HERE = ["fallback", *(["compiled"] if compiled_module() else [])]
HEADS = [b"", *(each.magic + bytes(range(each.length - len(each.magic))) for each in HEADERS), bytes(4) + b"V"]


def texts(**more: Any) -> Contract:
    """A contract of five texts, whose payloads may begin as a header does."""
    return a_contract(*[(name, "string") for name in ADA], **{"encoding": None} | more)


def ambiguous(contract: Contract) -> bytes:
    """A datum behind five bytes that read as four empty texts and the length of all the texts behind them."""
    datum = encode(contract, {**ADA, "at": MOMENT})
    at = encode(a_contract(encoding=None), {"at": MOMENT})
    return bytes(4) + write_long(len(datum) - len(at)) + datum


def undeclared(contract: Contract) -> Record:
    """The record of a contract that says nothing of headers; the lint would demand it of some."""
    return replace(contract.record, datum=False)


def registry(*contracts: Contract) -> Registry:
    return Registry({each.ref: each for each in contracts})


def reading(read: Decode, data: bytes) -> list[Any] | UndecodableError:
    try:
        return read(data)
    except UndecodableError as error:
        return error


def message(contract: Contract, data: bytes) -> Message:
    envelope = Envelope("e1", contract.ref, MOMENT, "/test")
    return Message(contract.subject, data, envelope.to_attributes(), "m1", to_micros(MOMENT))


@pytest.mark.parametrize("kind", ["values", *KINDS])
def test_a_datum_that_may_be_behind_a_header_is_refused_and_both_readings_are_named(kind: str) -> None:
    contract = texts()

    with pytest.raises(UndecodableError) as refused:
        compile_reader(kind, contract.record, contract.record)(ambiguous(contract))

    assert "one datum from the first byte, and one behind a header of 5 bytes (00 and an id of 4 bytes" in str(
        refused.value
    )
    assert '"encoding": "datum"' in str(refused.value)
    assert "ada" not in str(refused.value).lower()


@pytest.mark.parametrize("kind", ["values", *KINDS])
@pytest.mark.parametrize("header", HEADERS, ids=lambda header: str(header.length))
def test_every_known_header_is_recognised_with_any_id(kind: str, header: Header) -> None:
    record = undeclared(a_contract(("id", {"type": "fixed", "name": "Id", "size": 18}), ("more", "bytes")))
    read = compile_reader(kind, record, record)
    for seed in range(10):
        drawn = random.Random(seed).randbytes
        first = header.magic + drawn(18 - len(header.magic))
        both = first + write_long(header.length) + drawn(header.length - 1) + b"\0" + write_long(0)
        bare = first + write_long(header.length) + drawn(header.length - 1) + b"\1" + write_long(0)

        with pytest.raises(UndecodableError, match=f"header of {header.length} bytes"):
            read(both)
        read(bare)


@pytest.mark.parametrize("kind", ["values", *KINDS])
def test_a_contract_may_say_that_payloads_have_no_header(kind: str) -> None:
    old, new = texts(), texts(encoding="datum")

    for writer, reader in (new, new), (old, new), (new, old):
        read = compile_reader(kind, writer.record, reader.record)
        assert read(ambiguous(old))[0] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_ambiguous_messages_are_refused_among_others(kind: str) -> None:
    contract = texts()
    good = encode(contract, {**ADA, "at": MOMENT})
    empty = encode(contract, {**ADA, "email": "", "at": MOMENT})
    these = columns_of(kind, contract.record)

    refused = these.read([contract.record] * 90, [good, ambiguous(contract), empty] * 30)

    assert [each.message for each in refused] == [*range(1, 90, 3)]
    assert [row[0] for row in rows(these, contract.record)] == ["ada@example.com", ""] * 30


@FIXED_PROFILE
@given(st.data())
def test_all_decoders_refuse_the_same(data: st.DataObject) -> None:
    contract = data.draw(contracts(exact=True))
    record = undeclared(contract)
    events_ = data.draw(st.lists(events(record), min_size=1, max_size=5))
    messages = [head + encode(contract, each) for each in events_ for head in HEADS]
    decoder = compile_decoder(record, record)
    wanted = [index for index, each in enumerate(messages) if isinstance(reading(decoder, each), UndecodableError)]

    for kind in KINDS_HERE:
        refused = columns_of(kind, record).read([record] * len(messages), messages)
        assert [each.message for each in refused] == wanted
        assert [str(each.error) for each in refused] == [str(reading(decoder, messages[index])) for index in wanted]


def test_the_job_refuses_it_as_undecodable() -> None:
    contract = texts()

    decoded = decode([message(contract, ambiguous(contract))], Decoder(registry(contract), contract.subject), 0)

    assert decoded.batch is None
    assert [(each.reason, "header of 5 bytes" in each.detail) for each in decoded.refusals] == [
        (Reason.UNDECODABLE_PAYLOAD, True)
    ]


def test_the_newest_contract_speaks_for_the_older_ones() -> None:
    old, new = texts(), texts(encoding="datum", version=2)

    decoded = decode([message(old, ambiguous(old))], Decoder(registry(old, new), old.subject), 0)

    assert decoded.refusals == []


def test_a_producer_refuses_what_the_job_would_refuse() -> None:
    contract = texts()
    publisher = FakePublisher()
    fields = {**dict.fromkeys(ADA, ""), "order": ambiguous(contract)[5:-8].decode(), "at": MOMENT}

    with EventProducer(publisher, source="/test", contracts=registry(contract)) as producer:
        with pytest.raises(
            InvalidEventError, match=r"behind a header of 5 bytes.*change what the event begins with"
        ) as refused:
            producer.publish(contract.subject, fields)
        producer.publish(contract.subject, {**fields, "email": "ada@example.com"})

    assert len(publisher.messages) == 1
    assert refused.value.__context__ is None, "a decoder's error may hold the bytes"


def test_an_explanation_names_both_readings_and_shows_no_value() -> None:
    contract = texts()
    each = message(contract, ambiguous(contract))

    explained = explain(registry(contract), contract.subject, each.attributes, each.data)

    assert explained.stop is not None
    assert "header of 5 bytes" in explained.stop.why
    assert "ada" not in repr(explained)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("mac", MAC), ("celsius", "double")], id="an address of a device, and a number"),
        pytest.param([("mac", MAC), ("count", "long")], id="and a whole number"),
        pytest.param([("amount", a_decimal(38, 9, 16))], id="a fixed decimal"),
        pytest.param([("note", ["null", "string"]), *((f"d{n}", "double") for n in range(6))], id="null, and numbers"),
        pytest.param([("a", "double"), ("b", "double")], id="numbers"),
    ],
)
def test_a_contract_whose_own_events_are_ambiguous_must_say_so(fields: list[Any]) -> None:
    with pytest.raises(ContractError, match=r'headrace\.encoding: its events often.*"encoding": "datum"'):
        a_contract(*fields, encoding=None)
    a_contract(*fields, encoding="datum")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("id", "string"), ("a", "double"), ("b", "double")], id="a text first"),
        pytest.param([("a", {"type": "string", "logicalType": "uuid"}), ("b", "double")], id="a UUID first"),
        pytest.param([(f"f{n}", ["null", "string"]) for n in range(8)], id="optional texts"),
        pytest.param([("count", "int"), ("name", "string"), ("place", "string")], id="a whole number first"),
    ],
)
def test_other_contracts_need_not(fields: list[Any]) -> None:
    a_contract(*fields, encoding=None)


def test_an_encoding_that_is_not_known_is_refused() -> None:
    with pytest.raises(ContractError, match=r"headrace\.encoding: not one of the known values; choose from datum"):
        a_contract(encoding="thrift")


def test_the_verdict_is_kept_by_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [("kept", "string"), ("number", "int")]
    a_contract(*fields, encoding=None)
    monkeypatch.setattr(drawn, "_judge", lambda record: pytest.fail("drawn again"))

    a_contract(*fields, encoding=None)


# Payloads that are datums only behind a header.


@pytest.mark.parametrize("kind", KINDS_HERE)
@pytest.mark.parametrize("header", HEADERS, ids=lambda each: str(each.length))
@pytest.mark.parametrize("native", [True, False])
def test_a_refused_payload_that_is_a_datum_behind_a_header_says_so(
    kind: str, header: Header, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_messages, "columns_for", partial(columns_of, kind))
    rules: dict[str, Any] = {} if native else {"envelope": {"kind": "attributes", "id": "message_id"}}
    contract = a_contract(("name", "string"), encoding="datum", **rules)
    datum = encode(contract, {"name": "Ada", "at": MOMENT})
    head = header.magic + bytes(header.length - len(header.magic))
    attributes = Envelope("e", contract.ref, MOMENT, "/s").to_attributes() if native else {}
    given_ = [
        Message(contract.subject, data, attributes, "1", to_micros(MOMENT))
        for data in (datum, head + datum, head + datum[:-1], head)
    ]
    decoder = Decoder(registry(contract), contract.subject)

    decoded = decode(given_, decoder, 0)

    assert decoded.batch is not None
    assert len(decoded.batch) == 1
    assert [each.index for each in decoded.refusals] == [1, 2, 3]
    named, *others = [each.detail for each in decoded.refusals]
    assert f"; it is a datum behind a header of {header.length} bytes ({header.name}): " in named
    assert ("send the datum alone" in named, 'write "encoding": ' in named) == (native, not native)
    assert len(named) < 1000
    assert not any("header" in each for each in others)
    assert len(decode(given_, decoder, 0).batch or ()) == 1  # the probe leaves nothing in the columns


def test_a_payload_that_reads_in_both_ways_keeps_its_own_remedy() -> None:
    contract = texts()
    message = Message(contract.subject, ambiguous(contract), {}, "1", 0)
    message = replace(message, attributes=Envelope("e", contract.ref, MOMENT, "/s").to_attributes())
    (refusal,) = decode([message], Decoder(registry(contract), contract.subject), 0).refusals
    assert refusal.detail.count("behind a header") == 1


def test_a_contract_of_another_envelope_that_states_no_encoding_refuses_what_reads_in_both_ways() -> None:
    rules: dict[str, Any] = {"envelope": {"kind": "attributes", "id": "message_id"}}
    given_ = {None: Reason.UNDECODABLE_PAYLOAD, "datum": None}
    for encoding, reason in given_.items():
        contract = texts(encoding=encoding, **rules)
        message = Message(contract.subject, ambiguous(texts()), {}, "1", 0)
        refusals = decode([message], Decoder(registry(contract), contract.subject), 0).refusals
        assert [each.reason for each in refusals] == ([] if reason is None else [reason])
