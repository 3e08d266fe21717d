"""An id counts only for the subject whose schema it names; hostile ids cause neither a flood nor a pause."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.schema_registry.id_rules import ASKED_AT_ONCE, NOT_FOUND, UNASKED, versions_by_hash
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.registry_errors import (
    PinBrokenError,
    RegistryAnswerError,
    RegistryAwayError,
    RegistryRefusedError,
)
from headrace.schema_registry.unknown_ids import NOT_FOUND_SECONDS, UnknownIds
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.schema_equality import read_schema, schema_hash
from tests.support.builders import contract_json
from tests.support.registry_answers import CCOMPAT, recorded_schema
from tests.support.registry_ids import SUBJECT, V1, V2, IdsUnderTest
from tests.support.registry_server import RegistryServer, Reply, a_registry


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry() as running:
        yield running


@pytest.fixture
def under_test(server: RegistryServer, tmp_path: Path) -> IdsUnderTest:
    made = IdsUnderTest(server, tmp_path)
    made.watch.look()
    server.asked.clear()
    return made


@pytest.mark.parametrize(("number", "version"), [(6, 1), (16, 1), (21, 1), (7, 2), (22, 2)])
def test_every_id_of_one_schema_names_its_version(under_test: IdsUnderTest, number: int, version: int) -> None:
    assert under_test.ids().version_of(number) == version


@pytest.mark.parametrize("number", [12, 13, 14, 18, 24])
def test_that_an_id_exists_proves_nothing(under_test: IdsUnderTest, number: int) -> None:
    ids = under_test.ids()
    assert ids.version_of(number) is None
    assert ids.why_not(number).startswith("its schema id names ")
    assert not under_test.pins.of(SUBJECT).ids  # hostile ids fill no disk


def test_protobuf_is_named_in_the_letter(under_test: IdsUnderTest) -> None:
    ids = under_test.ids()
    assert ids.version_of(14) is None
    assert ids.why_not(14) == "its schema id names a Protobuf schema; only Avro schemas are read"


def test_the_space_decides_what_an_id_names(under_test: IdsUnderTest, server: RegistryServer) -> None:
    contents, globals_ = under_test.ids(IdSpace.CONTENT), under_test.ids(IdSpace.GLOBAL)
    assert contents.version_of(7) == globals_.version_of(7) == 2
    server.give_id(18, recorded_schema(6))
    assert (contents.version_of(18), globals_.version_of(18)) == (1, None)


def test_a_known_id_is_asked_for_once(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    ids.learn([6, 6, 7])
    assert [ids.version_of(number) for number in (6, 7, 6)] == [1, 2, 1]
    assert server.paths() == [f"{CCOMPAT}/schemas/ids/6", f"{CCOMPAT}/schemas/ids/7"]


def test_pins_outlive_the_process(under_test: IdsUnderTest, server: RegistryServer) -> None:
    assert under_test.ids().version_of(6) == 1
    server.away = True
    later = IdsUnderTest(server, under_test.folder)
    later.watch.look()
    assert later.ids().version_of(6) == 1
    with pytest.raises(RegistryAwayError):
        later.ids().version_of(7)


def test_pins_belong_to_one_registry(under_test: IdsUnderTest) -> None:
    assert under_test.ids().version_of(6) == 1
    assert PinFile(under_test.folder, "http://elsewhere").read() == {}


def test_not_found_is_tried_again_and_then_remembered(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    assert ids.version_of(999_999) is None
    assert ids.why_not(999_999) == NOT_FOUND
    assert (len(server.asked), under_test.pauses) == (3, [0.3, 1.0])
    assert ids.version_of(999_999) is None
    assert len(server.asked) == 3
    under_test.time += NOT_FOUND_SECONDS + 1
    server.give_id(999_999, recorded_schema(6))
    assert ids.version_of(999_999) == 1


def test_an_id_that_appears_a_moment_later_is_read(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    server.replies.pop(f"{CCOMPAT}/schemas/ids/6")

    def registered(seconds: float) -> bool:
        server.give_id(6, recorded_schema(6))
        return False

    ids._pause = registered
    assert ids.version_of(6) == 1


def test_many_unknown_ids_share_one_pause(under_test: IdsUnderTest) -> None:
    under_test.ids().learn(range(1000, 1010))
    assert under_test.pauses == [0.3, 1.0]


def test_hostile_ids_are_no_flood_and_end_as_letters(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    hostile = range(100_000, 103_000)
    for begin in range(0, 3000, 500):
        ids.learn(hostile[begin : begin + 500])
    assert all(ids.version_of(number) is None for number in hostile)
    assert {ids.why_not(number) for number in hostile} == {UNASKED}
    assert len(server.asked) <= ASKED_AT_ONCE + 30
    assert len(under_test.pauses) <= 12


def test_after_hostile_ids_honest_ones_are_asked_for_again(under_test: IdsUnderTest) -> None:
    ids = under_test.ids()
    ids.learn(range(100_000, 101_000))
    assert ids.version_of(6) is None
    assert ids.why_not(6) == UNASKED
    under_test.time += 11
    assert ids.version_of(6) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(503), RegistryAwayError),
        (Reply(200, b"", delay=1.5), RegistryAwayError),
        (Reply(401), RegistryRefusedError),
        (Reply(404, b"{}"), RegistryAnswerError),
    ],
)
def test_a_registry_that_cannot_be_asked_never_makes_a_letter(
    under_test: IdsUnderTest, server: RegistryServer, reply: Reply, error: type[Exception]
) -> None:
    ids = under_test.ids()
    server.answers("/schemas/ids/6", reply)
    for _ in range(2):
        with pytest.raises(error):
            ids.version_of(6)
    assert len(server.asked) == 1  # while it is away, only the watch asks
    server.give_id(6, recorded_schema(6))
    under_test.watch.look()
    assert ids.version_of(6) == 1


def test_a_job_that_stops_does_not_make_letters(under_test: IdsUnderTest) -> None:
    under_test.stops = True
    with pytest.raises(RegistryAwayError):
        under_test.ids().version_of(999_999)


def test_known_ids_are_read_while_the_registry_is_away(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    ids.learn([6])
    server.away = True
    under_test.watch.look()
    assert ids.version_of(6) == 1
    with pytest.raises(RegistryAwayError):
        ids.version_of(7)
    server.away = False
    under_test.watch.look()
    assert ids.version_of(7) == 2


def test_a_broken_pin_ends_all_answers(under_test: IdsUnderTest, server: RegistryServer) -> None:
    ids = under_test.ids()
    ids.learn([6])
    server.give_id(6, recorded_schema(24))
    under_test.watch.look()
    with pytest.raises(PinBrokenError, match=f"headrace contracts pin {SUBJECT}"):
        ids.version_of(6)


def test_a_real_payload_is_resolved_by_the_registry(under_test: IdsUnderTest) -> None:
    payload = base64.b64decode("AAAAAAc=")  # 00 and content id 7
    assert under_test.ids().version_of(int.from_bytes(payload[1:5])) == 2


def test_annotations_do_not_change_what_an_id_names() -> None:
    annotated = contract_json(("a", "int"))
    plain = {key: value for key, value in annotated.items() if key != "headrace"}
    ref = SchemaRef("thing_happened", 1)
    contracts = Registry({ref: parse_contract(ref, json.dumps(annotated))})
    assert versions_by_hash(contracts, "thing_happened") == {schema_hash(plain): 1}


def test_the_newest_of_equal_versions_counts() -> None:
    first, second = contract_json(("a", "int")), contract_json({"name": "a", "type": "int", "doc": "new"})
    contracts = Registry(
        {
            SchemaRef("thing_happened", number): parse_contract(SchemaRef("thing_happened", number), json.dumps(each))
            for number, each in ((1, first), (2, second))
        }
    )
    assert versions_by_hash(contracts, "thing_happened") == {schema_hash(read_schema(json.dumps(first))): 2}


def test_the_memory_of_unknown_ids_is_bounded() -> None:
    memory = UnknownIds(lambda: 0.0, most=3)
    for number in range(10):
        memory.note(number, "why", 1.0)
    assert [memory.why(number) for number in (6, 7, 9)] == [None, "why", "why"]


def test_v1_and_v2_are_told_apart() -> None:
    assert V1 != V2
