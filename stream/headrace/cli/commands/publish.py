"""``headrace publish``: publish events from NDJSON with the SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from google.api_core.exceptions import NotFound

from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.errors import Exit, HeadraceError
from headrace.producers import EventProducer, InvalidEventError, PublishError, PubSubPublisher
from headrace.runtime.reachability import Service, reach
from headrace.schemas import Contract, UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.json_encoding.compile_fields import compile_fields
from headrace.schemas.json_encoding.rules import CONVENTIONS
from headrace.schemas.strict_json import InvalidJsonError, read_json
from headrace.schemas.validate import validate
from headrace.util.output import say
from headrace.util.terminal_columns import counted


class InvalidLineError(HeadraceError, ValueError, error_code="HR-307", exit_code=Exit.FOUND):
    """A line is not an event of its contract. The message names the line and the error, never a value."""


class NoTopicError(HeadraceError, LookupError, error_code="HR-308", exit_code=Exit.CONFIGURATION):
    """The subject's topic does not exist. The message names it and the remedy."""


def publish_lines(
    settings: Settings, subject: str, lines: Iterable[str | bytes], source: str, convention: str | None = None
) -> None:
    """Check every line, then publish all of them, and wait until each is confirmed.

    *convention* names the convention of the lines; without it they are read as all commands read JSON.

    Raises:
        InvalidLineError: a line is not an event of its contract; nothing was sent.
        NoTopicError: the topic does not exist; nothing was sent.
        PublishError: some events were not confirmed.
    """
    registry = served(settings)
    contract = registry.latest(subject)
    read = _reader(contract, convention)
    events = [_event(read, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    reach(Service.PUBSUB)
    try:
        with EventProducer(
            PubSubPublisher(settings.project, topics=settings.topics), source=source, contracts=registry
        ) as producer:
            for fields in events:
                producer.publish(subject, fields)
    except PublishError as error:
        if isinstance(error.__cause__, NotFound):
            names = settings.names
            remedy = "run `headrace provision`" if names.has_own_topic(subject) else "correct its name in `topics`"
            raise NoTopicError(f"{names.topic(subject)}: not found; {remedy}") from error
        raise
    say(f"published {counted(len(events), 'event')} to {subject}")


def _reader(contract: Contract, convention: str | None) -> Callable[[str | bytes], dict[str, Any]]:
    record = contract.record
    if convention is None:
        return lambda line: validate(record, fields_from_json(record, read_json(line)))
    read = compile_fields(record, CONVENTIONS[convention])
    return lambda line: read(line.encode() if isinstance(line, str) else line)


def _event(read: Callable[[str | bytes], dict[str, Any]], number: int, line: str | bytes) -> dict[str, Any]:
    try:
        return read(line)
    except (InvalidEventError, UndecodableError) as error:
        raise InvalidLineError(f"line {number}: {error}") from None
    except InvalidJsonError as error:
        raise InvalidLineError(f"line {number}: {error}; write one JSON object a line") from None
