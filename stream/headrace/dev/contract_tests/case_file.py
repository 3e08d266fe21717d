"""Files of cases: YAML, checked as a whole before any case runs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from headrace.config.file_model import FileModel, Key, wrong
from headrace.config.yaml_file import YamlFile
from headrace.core.dead_letter import Reason
from headrace.errors import Exit, HeadraceError
from headrace.schemas.classification import Mask
from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.times import read_instant

DEFAULT_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MOMENT: Final = "a time with its offset, such as 2026-01-31T12:00:00Z"
_PAYLOADS: Final = ("event", "hex", "base64")


class CaseFileError(HeadraceError, ValueError, error_code="HR-921", exit_code=Exit.CONFIGURATION):
    """A file of cases is invalid, or does not fit its contract. The text gives the line, the problem and the remedy."""

    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where}: {why}; {remedy}")
        self.where, self.why, self.remedy = where, why, remedy


def _moment(given: Any) -> Any:
    if not isinstance(given, str):
        raise wrong("not a time", f"write {_MOMENT}")
    try:
        return read_instant(given)
    except UnreadableTextError as error:
        why, remedy = error.why, error.remedy
    raise wrong(why, remedy)


def _data(read: Callable[[str], bytes], name: str) -> Callable[[Any], Any]:
    def convert(given: Any) -> Any:
        try:
            return read(given)
        except (TypeError, ValueError, binascii.Error):
            pass  # raised below, without this error as its context, because this error may hold the text
        raise wrong(f"not bytes in {name}", "correct them; quotes keep digits a text")

    return convert


def _count_or_rows(given: Any) -> Any:
    if isinstance(given, list) and all(isinstance(row, dict) for row in given):
        return given
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    raise wrong("neither a list of rows nor their number", "write - column: value for each row, or rows: 2")


Moment = Annotated[datetime, BeforeValidator(_moment)]
HexBytes = Annotated[bytes, BeforeValidator(_data(bytes.fromhex, "hexadecimal"))]
Base64Bytes = Annotated[bytes, BeforeValidator(_data(lambda text: base64.b64decode(text, validate=True), "base64"))]
CountOrRows = Annotated[int | list[dict[str, Any]], BeforeValidator(_count_or_rows)]


class Given(FileModel):
    """One message: an *event*, as `headrace publish` takes it, or the bytes of a payload."""

    event: dict[str, Any] | None = Field(None, description="with the fields of an event")
    hex: HexBytes | None = None
    base64: Base64Bytes | None = None
    version: int | None = Field(None, ge=1, description="the number of a version of the contract")
    id: str | None = Field(None, description="the event's ce-id")
    source: str = Field("/test", description="the event's ce-source")
    published_at: Moment | None = None
    attributes: dict[str, str | None] = Field({}, description="with names and texts; null removes an attribute")

    @model_validator(mode="after")
    def _one_payload(self) -> Given:
        if sum(getattr(self, name) is not None for name in _PAYLOADS) != 1:
            raise wrong("not exactly one payload", f"write one of {', '.join(_PAYLOADS)}")
        return self

    @property
    def payload(self) -> bytes | None:
        """The given bytes; None for an event."""
        return self.base64 if self.hex is None else self.hex


class ExpectedLetter(FileModel):
    """One dead letter: its reason, the rule that its event breaks, and a part of its message."""

    reason: Annotated[Reason, Field(strict=False, description="the reason of a dead letter")]
    rule: str = Field("", description="the name of a rule of the contract")
    message: str = Field("", description="a part of the letter's message")


class Expected(FileModel):
    """The outcome of the given messages. By default there is nothing of a kind."""

    rows: CountOrRows = Field([])
    exact: bool = Field(False, description="true, if each row is given with all of its columns")
    masks: dict[str, Annotated[Mask, Field(strict=False, description="a mask")]] = Field(
        {}, description="with fields and their masks"
    )
    letters: list[ExpectedLetter] = Field([], description="with a list of reasons")
    warnings: dict[str, Annotated[int, Field(ge=1, description="a number of events")]] = Field(
        {}, description="with rules that only warn, and the number of events that break each"
    )
    duplicates: int = Field(0, ge=0, description="a number of messages")
    dropped: int = Field(0, ge=0, description="a number of messages")

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self.rows if isinstance(self.rows, int) else len(self.rows)


class Case(FileModel):
    """One case: the messages that are given at *now*, and what the job makes of them."""

    name: str = Field(min_length=1, description="a short sentence")
    now: Moment | None = None
    given: list[Given] = Field(min_length=1, description="with a list of events")
    expect: Expected


class Cases(FileModel):
    """The content of one file."""

    subject: str = Field(min_length=1, description="the subject of a contract")
    now: Moment = Field(DEFAULT_NOW, description=_MOMENT)
    cases: list[Case] = Field(min_length=1, description="with a list of cases")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file of cases, with the lines of its keys."""

    path: Path
    yaml: YamlFile = field(repr=False)
    content: Cases = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> CaseFile:
        """Read the file at *path*.

        Raises:
            CaseFileError: it cannot be read, is not YAML, or has an unknown key, an invalid value or two cases of one
                name.
        """
        yaml = YamlFile.read(path, CaseFileError)
        content = yaml.check(Cases)
        names = [case.name for case in content.cases]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise yaml.error(("cases", str(place), "name"), "another case has this name", "write another name")
        return cls(path, yaml, content)

    def line(self, place: int) -> int:
        """Return the line at which a case begins."""
        return self.yaml.line(("cases", str(place)))

    def now(self, place: int) -> datetime:
        """Return the time at which the messages of a case are given."""
        return self.content.cases[place].now or self.content.now

    def error(self, place: int, key: Key, why: str, remedy: str) -> Exception:
        """Return an error about a key within a case."""
        return self.yaml.error(("cases", str(place), *key), why, remedy)
