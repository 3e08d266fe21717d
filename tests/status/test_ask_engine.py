"""Asking the engine that runs with a journal, and one that does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from headrace.core.engine_report import SOCKET
from headrace.runtime.page_server import Page, serving
from headrace.runtime.unix_socket import listening_at
from headrace.status import ask_engine
from headrace.status.ask_engine import EngineSilentError, UnknownSubjectError, engine_report, tapped
from tests.support.reports import a_report, a_subject


@contextmanager
def answering(journal: Path, status: HTTPStatus, body: bytes) -> Iterator[None]:
    page = Page(status, "application/json", body)
    with listening_at(journal / SOCKET) as listener, serving(listener, lambda path: page):
        yield


def test_an_engine_of_another_version_may_say_more(tmp_path: Path) -> None:
    written = ask_engine._REPORT.dump_json(a_report(a_subject("orders", received=7)))
    more = written.replace(b'"version"', b'"mood":"good","version"')
    with answering(tmp_path, HTTPStatus.OK, more):
        assert engine_report(tmp_path) == a_report(a_subject("orders", received=7))


def test_an_answer_that_cannot_be_read_names_the_versions(tmp_path: Path) -> None:
    with (
        answering(tmp_path, HTTPStatus.OK, b'{"at": "yesterday"}'),
        pytest.raises(EngineSilentError, match="another version"),
    ):
        engine_report(tmp_path)


@pytest.mark.parametrize("make", ["nothing", "no folder", "a socket that nobody serves"])
def test_without_an_engine_there_is_no_report(tmp_path: Path, make: str) -> None:
    journal = tmp_path / "journal"
    if make != "no folder":
        journal.mkdir()
    if make == "a socket that nobody serves":
        (journal / SOCKET).touch()
    assert engine_report(journal) is None
    assert tapped(journal, "orders", 0) is None


def test_an_engine_that_hangs_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_engine, "SECONDS", 0.2)
    with listening_at(tmp_path / SOCKET), pytest.raises(EngineSilentError, match=r"no answer within 0\.2 s"):
        engine_report(tmp_path)


CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"


@contextmanager
def cutting_off(journal: Path, sent: bytes, times: int) -> Iterator[None]:
    """An engine that ends, once it has cut off so many questions after these bytes of an answer."""

    def cut_off(listener: socket.socket) -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(sent)
        ended.close()

    with ExitStack() as ended:
        listener = ended.enter_context(listening_at(journal / SOCKET))
        thread = threading.Thread(target=cut_off, args=(listener,))
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize("sent", [b"", CUT_OFF])
@pytest.mark.parametrize("times", [1, 3])
def test_an_engine_that_ends_while_it_is_asked_has_ended(tmp_path: Path, sent: bytes, times: int) -> None:
    with cutting_off(tmp_path, sent, times):
        assert engine_report(tmp_path) is None


def test_an_engine_that_cuts_off_each_question_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(path: str) -> Page:
        raise ConnectionError(path)

    monkeypatch.setattr(ask_engine, "SECONDS", 0.2)
    with (
        listening_at(tmp_path / SOCKET) as listener,
        serving(listener, cut_off),
        pytest.raises(EngineSilentError, match="cuts off each question"),
    ):
        engine_report(tmp_path)


def test_a_subject_that_the_engine_lacks_is_an_error(tmp_path: Path) -> None:
    with answering(tmp_path, HTTPStatus.NOT_FOUND, b"no"), pytest.raises(UnknownSubjectError, match="refunds"):
        tapped(tmp_path, "refunds", 0)
