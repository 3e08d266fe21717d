"""Flights in a SQLite file, in a PostgreSQL server of the test's own where one is installed, and as an API has them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.schemas.envelope import to_rfc3339

Flights = Sequence[Mapping[str, Any]]
TABLE = sa.Table(
    "departures",
    sa.MetaData(),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("airline", sa.Text),
    sa.Column("flight", sa.Integer),
    *(sa.Column(name, sa.Text) for name in ("tail_number", "origin", "destination")),
    *(sa.Column(name, sa.DateTime) for name in ("scheduled_at", "departed_at")),
    *(
        sa.Column(name, sa.Numeric(9, 0))
        for name in ("departure_delay_minutes", "arrival_delay_minutes", "air_time_minutes", "distance_miles")
    ),
    sa.Column("cancelled", sa.Integer),  # as databases without booleans have it
    sa.Column("gate", sa.Text),
)
FIELDS = 'carrier = "airline"\nscheduled_at = { column = "scheduled_at", zone = "UTC" }\n'
FIELDS += 'departed_at = { column = "departed_at", zone = "UTC" }\n'


def insert(url: str, flights: Flights, first: int = 1) -> None:
    """Add flights to the table, which is made when it is not there; their numbers begin with *first*."""
    engine = sa.create_engine(url)
    TABLE.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(TABLE.insert(), [_row(number, each) for number, each in enumerate(flights, first)])
    engine.dispose()


def execute(url: str, statement: str) -> None:
    """Run one statement."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def as_json(flights: Flights, first: int = 1) -> list[dict[str, Any]]:
    """The same rows as an API says them: one part nested, times as text."""
    return [_json(number, each) for number, each in enumerate(flights, first)]


def _row(number: int, flight: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict(flight)
    row |= {name: each.replace(tzinfo=None) for name, each in flight.items() if isinstance(each, datetime)}
    return row | {"n": number, "airline": row.pop("carrier"), "cancelled": int(row["cancelled"]), "gate": "B7"}


def _json(number: int, flight: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: to_rfc3339(each) if isinstance(each, datetime) else each for name, each in flight.items()}
    return row | {"n": number, "airline": {"code": row.pop("carrier")}, "gate": "B7"}


@contextmanager
def a_postgresql() -> Iterator[str]:
    """The address of a server of our own on a socket; it never runs as root."""
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"

    def run(*command: str) -> None:
        # setpriv instead of user=, for which Python forks: a child of a process with gRPC's threads may crash
        command = ("setpriv", f"--reuid={user}", "--keep-groups", *command) if user else command
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    try:
        run("initdb", "--no-sync", "--username=tester", "--auth=trust", "--pgdata", str(data))
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--wait", "--pgdata", str(data), "--log", str(folder / "log"), "--options", options, "start")
        try:
            yield f"postgresql+psycopg://tester@/postgres?host={folder}"
        finally:
            run("pg_ctl", "--wait", "--pgdata", str(data), "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)


HAS_POSTGRESQL = shutil.which("initdb") is not None and shutil.which("pg_ctl") is not None


@contextmanager
def a_mariadb() -> Iterator[str]:
    """The address of a server of our own on a socket, which ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="my-"))
    data, socket = folder / "data", folder / "socket"
    own = ["--no-defaults", f"--datadir={data}", *(["--user=root"] if os.getuid() == 0 else [])]
    made = subprocess.run(
        ["mariadb-install-db", *own, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    command = ["mariadbd", *own, f"--socket={socket}", "--skip-networking", f"--pid-file={folder / 'pid'}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--innodb-flush-log-at-trx-commit=0"], stdout=log, stderr=log)
    try:
        url = f"mysql+pymysql://root@/?unix_socket={socket}"
        _until_it_answers(url, server)
        execute(url, "CREATE DATABASE shop")
        yield f"mysql+pymysql://root@/shop?unix_socket={socket}"
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def _until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            execute(url, "SELECT 1")
        except sa.exc.OperationalError:
            pause.wait(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


HAS_MARIADB = all(map(shutil.which, ("mariadbd", "mariadb-install-db", "my_print_defaults")))
