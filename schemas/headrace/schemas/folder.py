"""Reader of a folder of contract files, which does not trust their names, types or sizes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.sidecar import SIDECARS, with_sidecar
from headrace.schemas.sidecar_lookalikes import lettered, lookalike_of

SUFFIX: Final = ".avsc"
MAX_FILE_BYTES: Final = 1_048_576
_SUBJECT: Final = re.compile(r"(?!goog)[a-z][a-z0-9_]{2,99}")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class ContractFile(NamedTuple):
    """One ``.avsc`` file, with the annotations of the sidecar file beside it, if there is one.

    *subject* is the file's full name if the name contains no valid subject. A file without *ref* has not the name of a
    contract, and may hold shared types. *error* is set if there is no *text*. *sources* are the files as they are.
    *lookalike* is the name of a file beside it that is no sidecar and is called nearly like one.
    """

    name: str
    subject: str
    ref: SchemaRef | None
    text: str
    error: ContractError | None
    sources: tuple[SourceFile, ...] = ()
    lookalike: str = ""

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.name.removesuffix(SUFFIX)


def contract_files(folder: Path) -> Iterator[ContractFile]:
    """Read every ``.avsc`` file of *folder*, sorted by name. A file that cannot be used is returned with its error.

    Raises:
        ContractError: the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise ContractError(
            str(folder), f"the folder cannot be read ({error.strerror})", "name a folder that holds <subject>.v1.avsc"
        ) from error
    names = {entry.name for entry in entries}
    unread = lettered(name for name in names if not (name.endswith(SIDECARS) and _schema_name(name) in names))
    for entry in entries:
        if entry.name.endswith(SUFFIX):
            yield _contract_file(entry, names, unread)
        elif entry.name.endswith(SIDECARS) and _schema_name(entry.name) not in names:
            yield _without_schema(entry.name)


def subjects_within(folder: Path) -> set[str]:
    """Return the subjects that the names of *folder*'s files have; no file is read.

    Raises:
        OSError: the folder cannot be read.
    """
    names = {entry.name.removesuffix(SUFFIX).rpartition(".v")[0] for entry in folder.glob(f"*{SUFFIX}")}
    return {name for name in names if _SUBJECT.fullmatch(name)}


def _contract_file(entry: Path, names: set[str], unread: Sequence[tuple[str, str]]) -> ContractFile:
    subject, ref = _subject_of(entry.name), ref_of(entry.name)
    sources: tuple[SourceFile, ...] = ()
    try:
        sources = tuple(_sources(entry, names))
        text = with_sidecar(*sources) if len(sources) > 1 else sources[0].text
        lookalike = "" if len(sources) > 1 else lookalike_of(entry.name.removesuffix(SUFFIX), unread)
        return ContractFile(entry.name, subject, ref, text, None, sources, lookalike)
    except ContractError as error:
        return ContractFile(entry.name, subject, ref, "", error, sources)


def _subject_of(name: str) -> str:
    subject = name.removesuffix(SUFFIX).rpartition(".v")[0]
    return subject if _SUBJECT.fullmatch(subject) else name


def _schema_name(sidecar: str) -> str:
    return sidecar.rpartition(".headrace.")[0] + SUFFIX


def _without_schema(sidecar: str) -> ContractFile:
    schema = _schema_name(sidecar)
    error = ContractError(sidecar, f"no file {schema} beside it", "add the schema, or remove this file")
    return ContractFile(sidecar, _subject_of(schema), None, "", error)


def _sources(entry: Path, names: set[str]) -> Iterator[SourceFile]:
    """Yield the schema, and the sidecar beside it if there is one."""
    stem = entry.name.removesuffix(SUFFIX)
    beside = [f"{stem}{suffix}" for suffix in SIDECARS if f"{stem}{suffix}" in names]
    if len(beside) > 1:
        raise ContractError(beside[0], f"{beside[1]} is beside it", "keep one of the two")
    for name in (entry.name, *beside):
        yield SourceFile(name, _read(entry.with_name(name)))


def ref_of(name: str) -> SchemaRef | None:
    """Return the version that a file's name has, with or without its ending; None if it is not that of a contract."""
    subject, _, version = name.removesuffix(SUFFIX).rpartition(".v")
    try:
        return SchemaRef.parse(f"headrace:{subject}:{version}")
    except ValueError:
        return None


def _read(entry: Path) -> str:
    try:
        data = _bytes(entry)
    except OSError as error:
        raise ContractError(
            entry.name, f"cannot be read ({error.strerror})", "replace it with a file that the job may read"
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise ContractError(entry.name, f"larger than {MAX_FILE_BYTES} bytes", "split the event")
    if data.startswith(_UTF_16):
        raise ContractError(entry.name, "UTF-16 text", "save it as UTF-8")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ContractError(entry.name, f"not UTF-8 at byte {error.start}", "save it as UTF-8") from error


def _bytes(entry: Path) -> bytes:
    """Read at most one byte more than a contract may have, because a device or a pipe may never end."""
    _refuse_all_but_files(entry.name, entry.stat().st_mode)
    with open(os.open(entry, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        _refuse_all_but_files(entry.name, os.fstat(file.fileno()).st_mode)  # the file may have been replaced
        return file.read(MAX_FILE_BYTES + 1)


def _refuse_all_but_files(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise ContractError(name, f"{what}, not a file", "remove it, or give it another name")
