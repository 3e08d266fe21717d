"""What is in a file can be seen, and sent after a crash."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from headrace.errors import Exit
from headrace.producers.command_line import main
from headrace.producers.outbox import OutboxError, operating
from tests.support.outboxes import SECONDS, Broker, an_outbox, numbers, put, rows
from tests.support.waiting import wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An outbox with ten messages, whose producer has ended."""
    file, broker = tmp_path / "orders.outbox", Broker()
    broker.is_away = True
    outbox = an_outbox(file, broker)
    for each in numbers(10):
        put(outbox, each)
    outbox.close()
    return file


def test_send_sends_everything_and_ends(file: Path) -> None:
    broker = Broker()
    sent = operating.send(file, broker)
    assert (sent.exit_code, str(sent)) == (Exit.DONE, "sent: 10; left: 0; refused: 0")
    assert broker.payloads == numbers(10)
    assert broker.closed


def test_send_gives_up_and_says_what_is_left(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    sent = operating.send(file, broker, timeout=0.2)
    assert (sent.exit_code, str(sent)) == (Exit.UNREACHABLE, "sent: 0; left: 10; refused: 0")
    assert len(rows(file)) == 10


def test_refused_messages_are_shown_and_tried_again_on_request(file: Path) -> None:
    sent = operating.send(file, Broker(poison=b"3", batch=5))
    assert (sent.exit_code, str(sent)) == (Exit.FOUND, "sent: 9; left: 0; refused: 1")
    (row,), summary = operating.status(file)
    assert (row["waiting"], row["refused"], row["refused_with"]) == (0, 1, "InvalidArgument")
    assert (summary["waiting"], summary["refused"], summary["producers"]) == (0, 1, [])
    broker = Broker()
    assert operating.send(file, broker).exit_code == Exit.FOUND, "not without being asked"
    assert operating.send(file, broker, refused=True).exit_code == Exit.DONE
    assert broker.payloads == [b"3"]
    assert rows(file, "SELECT messages, bytes FROM counters") == [(0, 0)]


class AllArrived:
    """An end that comes when ten messages have arrived."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def has_come(self) -> bool:
        return len(self._broker.messages) == 10

    def wait(self, seconds: float) -> None:
        raise AssertionError("nothing is left to wait for")


def test_send_goes_on_until_its_end_has_come(file: Path) -> None:
    broker = Broker()
    assert operating.send(file, broker, until=AllArrived(broker)).left == 0


def test_what_a_running_producer_sends_itself_is_left_to_it(file: Path) -> None:
    away, broker = Broker(), Broker()
    away.is_away = True
    running = an_outbox(file, away)
    wait_until(lambda: away.tried > 0)
    sent = operating.send(file, broker, timeout=SECONDS)
    assert (sent.exit_code, str(sent)) == (Exit.DONE, "sent: 0; left: 0; refused: 0; with running producers: 10")
    assert operating.status(file)[1]["producers"] != []
    assert running.close() == 10


@pytest.mark.parametrize("command", ["send", "status"])
def test_a_file_that_is_missing_is_not_made(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str], nothing_set: None
) -> None:
    more = ["--project", "a-project"] if command == "send" else []
    assert main(["outbox", command, str(tmp_path / "missing"), *more]) == Exit.CONFIGURATION
    assert "missing: no such file; name the outbox of a producer [HR-203]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_status_is_a_table_or_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "status", str(file)]) == Exit.DONE
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[:3] == ["thing_happened", "10", "230"]
    assert err == "waiting: 10; refused: 0\n"
    assert main(["outbox", "status", str(file), "--format", "json"]) == Exit.DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["waiting"], shown["subjects"][0]["subject"], shown["schema_version"]) == (10, "thing_happened", 1)


def test_status_of_another_file_is_an_error(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other" * 1000)
    with pytest.raises(OutboxError):
        operating.status(other)


def test_a_damaged_file_is_saved_and_sent(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = bytearray(file.read_bytes())
    page = content.index(b"ce-id") // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(OutboxError, match="damaged; `outbox send` saves what can be read"):
        operating.status(file)
    broker = Broker()
    with caplog.at_level(logging.ERROR):
        sent = operating.send(file, broker)
    assert sent.exit_code == Exit.FOUND
    assert "damaged; moved to" in str(sent)
    assert "events saved: 0; lost: 10" in caplog.text
