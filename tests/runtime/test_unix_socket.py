"""Unix sockets in a folder: of any length of name, and after a process that was killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.runtime.unix_socket import connected_to, listening_at


def exchanged(path: Path) -> bytes:
    with listening_at(path) as listener, connected_to(path, 5) as client:
        server, _ = listener.accept()
        with server:
            server.sendall(b"hello")
        return client.recv(5)


def test_a_folder_may_have_a_longer_name_than_a_socket_has_room_for(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    assert len(str(folder)) > 107
    assert exchanged(folder / "engine.sock") == b"hello"


def test_it_is_gone_after_the_block(tmp_path: Path) -> None:
    exchanged(tmp_path / "engine.sock")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        connected_to(tmp_path / "engine.sock", 1)


def test_what_a_killed_process_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    leave = f"import os, socket; socket.socket(socket.AF_UNIX).bind({str(path)!r}); os._exit(9)"
    subprocess.run([sys.executable, "-c", leave], check=False, timeout=60)
    assert stat.S_ISSOCK(path.stat().st_mode)
    with pytest.raises(ConnectionRefusedError):
        connected_to(path, 1)
    assert exchanged(path) == b"hello"


def test_a_process_that_still_listens_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listening_at(path):
        with pytest.raises(OSError, match="in use"), listening_at(path):
            pass
        assert path.exists()
        connected_to(path, 1).close()


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connected_to(tmp_path / "none" / "engine.sock", 1)


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    exchanged(tmp_path / "engine.sock")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_call_takes_no_longer_than_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listening_at(path), connected_to(path, 0.1) as client, pytest.raises(TimeoutError):
        client.recv(1)


def test_a_plain_file_is_replaced_too_because_nobody_listens_on_it(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    path.write_text("not a socket")
    assert exchanged(path) == b"hello"
