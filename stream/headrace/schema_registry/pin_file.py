"""The file with the pins of one registry, which an engine and a command may change at the same time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from headrace.schema_registry.registry_errors import PinFileError
from headrace.schemas.id_space import IdSpace

MOST_BYTES: Final = 16_777_216
_OWNER_ALONE: Final = 0o600


class PinKey(NamedTuple):
    """An id in its space."""

    space: IdSpace
    id: int

    def __str__(self) -> str:
        return f"{self.space}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> PinKey:
        """Read ``content:6``."""
        space, _, number = text.partition(":")
        return cls(IdSpace(space), int(number))


@dataclass(frozen=True, slots=True)
class SubjectPins:
    """The pinned ids of a subject, each with the hash of its schema. *broken* says why the subject is halted."""

    ids: Mapping[PinKey, str] = field(default_factory=dict)
    broken: str | None = None


PinTable: TypeAlias = Mapping[str, SubjectPins]
_Key = Annotated[str, StringConstraints(pattern=r"^(content|global):[0-9]{1,19}$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Subject(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    ids: dict[_Key, _Hash]
    broken: str | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    format: Literal[1] = 1
    registry: str
    subjects: dict[str, _Subject]


class PinFile:
    """The file in *folder* with the pins of the registry whose base URL is *url*: another URL is another registry."""

    def __init__(self, folder: Path, url: str) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.path = folder / f"registry-{name}.json"
        self._lock = folder / f"registry-{name}.lock"
        self._url = url

    @property
    def stamp(self) -> tuple[int, int] | None:
        """A value that changes with every change of the file; None without a file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error) from error
        return found.st_ino, found.st_mtime_ns

    def read(self) -> PinTable:
        """Return all pins by subject; none without a file.

        Raises:
            PinFileError: the file cannot be read, is damaged, or is of another registry.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._failed(error) from error
        return self._parsed(content)

    def change(self, update: Callable[[PinTable], PinTable]) -> PinTable:
        """Replace the pins by what *update* makes of them, durably, and return them.

        Raises:
            PinFileError: the file cannot be read or written.
        """
        try:
            with self._locked():
                before = self.read()
                after = update(before)
                if after != before:
                    self._write(after)
        except OSError as error:
            raise self._failed(error) from error
        return after

    def _parsed(self, content: bytes) -> PinTable:
        try:
            if len(content) > MOST_BYTES:
                raise ValueError
            document = _Document.model_validate_json(content)
            table = {
                name: SubjectPins({PinKey.parse(key): each for key, each in found.ids.items()}, found.broken)
                for name, found in document.subjects.items()
            }
        except (ValidationError, ValueError):
            document, table = None, {}
        if document is None or document.registry != self._url:
            raise PinFileError(
                f"{self.path}: damaged, or not of this registry; restore it from a backup, or remove it: then ids "
                "are pinned to what the registry answers now"
            )
        return table

    def _write(self, table: PinTable) -> None:
        subjects = {
            name: _Subject(ids={str(key): each for key, each in sorted(pins.ids.items())}, broken=pins.broken)
            for name, pins in sorted(table.items())
        }
        text = _Document(registry=self._url, subjects=subjects).model_dump_json(indent=1, exclude_none=True)
        beside = self.path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWNER_ALONE), "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # as the journal has it
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ALONE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _failed(self, error: OSError) -> PinFileError:
        why = (error.strerror or "an error of the disk").lower()
        return PinFileError(f"{self.path}: cannot be used ({why}); give it room, and let the job write it")


def is_pin_file(name: str) -> bool:
    """Return whether a file of this *name* belongs to pins.

    >>> is_pin_file("registry-0123456789abcdef.json"), is_pin_file("registry.json")
    (True, False)
    """
    stem, _, ending = name.partition(".")
    head, _, digits = stem.partition("-")
    is_ours = head == "registry" and len(digits) == 16 and set(digits) <= set("0123456789abcdef")
    return is_ours and ending in ("json", "lock", "new")
