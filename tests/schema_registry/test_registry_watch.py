"""An id that names another schema halts its subject alone, whatever else happens to the registry and the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.schema_registry import registry_watch
from headrace.schema_registry.pin_file import PinFile, PinKey
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_errors import PinBrokenError, PinFileError, RegistryAwayError
from headrace.schema_registry.registry_watch import AWAY_SECONDS, LOOK_SECONDS, MISSING_SECONDS
from headrace.schemas.id_space import IdSpace
from tests.support.registry_answers import CCOMPAT, recorded_schema
from tests.support.registry_ids import SUBJECT, V2, IdsUnderTest
from tests.support.registry_server import RegistryServer, a_registry

KEY = PinKey(IdSpace.CONTENT, 6)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry() as running:
        yield running


@pytest.fixture
def pinned(server: RegistryServer, tmp_path: Path) -> IdsUnderTest:
    """Two subjects, each with a pinned id."""
    made = IdsUnderTest(server, tmp_path)
    made.watch.look()
    made.ids().learn([6])
    made.ids(subject="other_subject").learn([7])
    return made


def restarted(under_test: IdsUnderTest) -> IdsUnderTest:
    """The engine after a restart."""
    return IdsUnderTest(under_test.server, under_test.folder)


def test_before_the_first_look_nothing_is_asked(server: RegistryServer, tmp_path: Path) -> None:
    under_test = IdsUnderTest(server, tmp_path)
    assert not under_test.watch.has_looked
    with pytest.raises(RegistryAwayError, match="not been asked yet"):
        under_test.ids().version_of(6)
    assert server.asked == []


def test_right_pins_stay_right(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(21))  # the same schema in another text
    pinned.watch.look()
    pinned.watch.check(SUBJECT)
    assert pinned.watch.problem is None


def test_another_schema_halts_its_subject_alone(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(24))
    pinned.watch.look()
    with pytest.raises(PinBrokenError, match=r"gives 1 of 1 pinned schema ids \(6\) to other schemas"):
        pinned.watch.check(SUBJECT)
    pinned.watch.check("other_subject")


@pytest.mark.parametrize("text", ["not json", '{"type": "object"}'])
def test_an_id_that_names_no_avro_schema_halts_too(pinned: IdsUnderTest, server: RegistryServer, text: str) -> None:
    server.give_id(6, text)
    pinned.watch.look()
    with pytest.raises(PinBrokenError):
        pinned.watch.check(SUBJECT)


def test_another_version_of_the_subject_halts_too(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(7))
    pinned.watch.look()
    with pytest.raises(PinBrokenError):
        pinned.watch.check(SUBJECT)


def test_a_registry_that_is_restored_ends_the_halt(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(24))
    pinned.watch.look()
    server.give_id(6, recorded_schema(6))
    pinned.watch.look()
    pinned.watch.check(SUBJECT)


def test_a_halt_outlives_the_registry_and_the_engine(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(24))
    pinned.watch.look()
    server.away = True
    later = restarted(pinned)
    later.watch.look()
    with pytest.raises(PinBrokenError):
        later.ids().version_of(6)
    server.away = False
    server.replies.pop(f"{CCOMPAT}/schemas/ids/6")  # restarted empty once more
    later.watch.look()
    with pytest.raises(PinBrokenError):
        later.watch.check(SUBJECT)


def test_an_id_that_is_missing_does_not_halt(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.replies.pop(f"{CCOMPAT}/schemas/ids/6")
    pinned.watch.look()
    assert pinned.ids().version_of(6) == 1


def test_while_it_is_away_pins_are_neither_right_nor_wrong(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.away = True
    pinned.watch.look()
    assert isinstance(pinned.watch.problem, RegistryAwayError)
    pinned.watch.check(SUBJECT)


def test_pinning_anew_by_another_process_ends_the_halt(pinned: IdsUnderTest, server: RegistryServer) -> None:
    server.give_id(6, recorded_schema(7))
    pinned.watch.look()
    Pins(PinFile(pinned.folder, server.url)).pin_anew(SUBJECT, {KEY: V2})
    assert pinned.pins.is_outdated
    pinned.watch.look()
    assert pinned.ids().version_of(6) == 2


def test_a_judgement_of_older_pins_does_not_count(pinned: IdsUnderTest, server: RegistryServer) -> None:
    old = pinned.pins.of(SUBJECT)
    Pins(PinFile(pinned.folder, server.url)).pin_anew(SUBJECT, {KEY: V2})
    pinned.pins.judge(SUBJECT, old, "broken")
    assert pinned.pins.of(SUBJECT).broken is None


def test_the_time_between_looks_follows_what_was_found(pinned: IdsUnderTest, server: RegistryServer) -> None:
    def due_after() -> float:
        pinned.watch.look()
        return min(seconds for seconds in (AWAY_SECONDS, MISSING_SECONDS, LOOK_SECONDS) if is_due(pinned, seconds))

    assert due_after() == LOOK_SECONDS
    missing = server.replies.pop(f"{CCOMPAT}/schemas/ids/6")
    assert due_after() == MISSING_SECONDS
    server.away = True
    assert due_after() == AWAY_SECONDS
    server.away = False
    server.replies[f"{CCOMPAT}/schemas/ids/6"] = missing
    assert due_after() == LOOK_SECONDS
    server.away = True
    with pytest.raises(RegistryAwayError):
        pinned.ids().version_of(7)
    assert is_due(pinned, AWAY_SECONDS)


def is_due(under_test: IdsUnderTest, seconds: float) -> bool:
    return under_test.watch._is_due(under_test.time - seconds)


def test_it_looks_until_it_is_stopped(
    pinned: IdsUnderTest, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_watch, "_POLL_SECONDS", 0.01)
    stop = threading.Event()
    thread = threading.Thread(target=pinned.watch.run, args=(stop,))
    thread.start()
    try:
        until(lambda: pinned.watch.has_looked)
        server.give_id(6, recorded_schema(24))
        pinned.time += LOOK_SECONDS + 1
        until(lambda: pinned.pins.of(SUBJECT).broken is not None)
        Pins(PinFile(pinned.folder, server.url)).pin_anew(SUBJECT, {})
        until(lambda: not pinned.pins.of(SUBJECT).ids)  # at once, without the time going on
    finally:
        stop.set()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"registry": "http://elsewhere", "subjects": {}}', b"\xff"])
def test_a_damaged_file_is_refused(pinned: IdsUnderTest, content: bytes) -> None:
    file = PinFile(pinned.folder, pinned.server.url)
    file.path.write_bytes(content)
    with pytest.raises(PinFileError, match=r"damaged.*restore it"):
        file.read()
    pinned.watch.look()
    assert isinstance(pinned.watch.problem, PinFileError)
    later = restarted(pinned)
    later.watch.look()
    with pytest.raises(PinFileError):  # not a letter, and no other answer is pinned over it
        later.ids().version_of(6)
    assert file.path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_reported(server: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(PinFileError, match="cannot be used"):
        PinFile(tmp_path / "taken", server.url).change(lambda table: table)


def test_the_file_is_of_its_owner_alone(pinned: IdsUnderTest) -> None:
    assert PinFile(pinned.folder, pinned.server.url).path.stat().st_mode & 0o077 == 0
