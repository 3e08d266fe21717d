"""The command line of the SDK, for machines that have only the SDK: ``python -m headrace.producers outbox``.

``headrace outbox`` of the distribution ``headrace`` does the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from headrace.errors import Exit, HeadraceError
from headrace.producers.config import EMULATOR, ProducerConfig
from headrace.producers.outbox import operating
from headrace.producers.outbox.key_file import read_key_file
from headrace.producers.publisher import PubSubPublisher

_SCHEMA_VERSION: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except HeadraceError as error:
        _say(f"headrace: {error} [{error.error_code}]")
        return error.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m headrace.producers", description="Operate outboxes of producers.")
    outbox = parser.add_subparsers(required=True, metavar="outbox").add_parser("outbox", help="Operate outboxes.")
    commands = outbox.add_subparsers(required=True, metavar="send|status|relay")
    send = commands.add_parser("send", help="Send what an outbox holds, such as after a crash.")
    send.add_argument("file", type=Path, help="The outbox.")
    _add_sending(send)
    send.add_argument("--key-file", type=Path, help="File with the key of an encrypted outbox.")
    send.set_defaults(run=_send)
    status = commands.add_parser("status", help="Show what an outbox holds.")
    status.add_argument("file", type=Path, help="The outbox.")
    status.add_argument("--format", choices=["table", "json"], default="table", help="Format of the output.")
    status.set_defaults(run=_status)
    relay = commands.add_parser("relay", help="Send what a transactional outbox holds.")
    relay.add_argument("--database-url", help=f"URL for SQLAlchemy [{operating.DATABASE_URL}].")
    relay.add_argument("--table", default="headrace_outbox", help="Table of the outbox.")
    _add_sending(relay)
    relay.set_defaults(run=_relay)
    return parser


def _add_sending(command: argparse.ArgumentParser) -> None:
    command.add_argument("--project", help="Google Cloud project of the topics [HEADRACE_PROJECT].")
    command.add_argument("--refused", action="store_true", help="Also try the refused messages again.")
    command.add_argument("--follow", action="store_true", help="Go on until SIGTERM or Ctrl-C.")
    command.add_argument(
        "--timeout", type=float, default=operating.SEND_SECONDS, help="Seconds without an arrival until it gives up."
    )


def _send(given: argparse.Namespace) -> Exit:
    key = None if given.key_file is None else read_key_file(given.key_file)
    with operating.following(given.follow) as until:
        sent = operating.send(
            given.file, _publisher(given), key=key, refused=given.refused, timeout=given.timeout, until=until
        )
    _say(str(sent))
    return Exit.DONE if given.follow else sent.exit_code


def _relay(given: argparse.Namespace) -> Exit:
    url = given.database_url or os.environ.get(operating.DATABASE_URL, "")
    with operating.following(given.follow) as until:
        relayed = operating.relay(
            url, _publisher(given), table=given.table, refused=given.refused, timeout=given.timeout, until=until
        )
    _say(str(relayed))
    return Exit.DONE if given.follow else relayed.exit_code


def _publisher(given: argparse.Namespace) -> PubSubPublisher:
    if host := os.environ.get(EMULATOR):
        _say(f"{EMULATOR}={host}")
    config = ProducerConfig.read(project=given.project, contracts=Path())  # messages are encoded already
    return PubSubPublisher(config.project, topics=config.topics, ordered=True)


def _status(given: argparse.Namespace) -> Exit:
    rows, summary = operating.status(given.file)
    if given.format == "json":
        sys.stdout.write(json.dumps({"schema_version": _SCHEMA_VERSION, **summary, "subjects": rows}) + "\n")
    else:
        sys.stdout.write(_table(rows))
        _say(f"waiting: {summary['waiting']:,}; refused: {summary['refused']:,}")
    return Exit.DONE


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return aligned columns, with a head."""
    if not rows:
        return ""
    lines = [list(rows[0]), *(["" if value is None else str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
