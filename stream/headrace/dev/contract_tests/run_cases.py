"""Run cases through the steps of the embedded engine, and list the differences from what they expect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headrace.bigquery.event_table import META_SCHEMA
from headrace.core.dead_letter import DeadLetter
from headrace.core.message import Message
from headrace.dev.contract_tests.case_file import CaseFile, Expected, ExpectedLetter
from headrace.dev.contract_tests.check_expected import check_expected
from headrace.dev.contract_tests.check_masks import mask_failures
from headrace.dev.contract_tests.check_rows import Failure, row_failures
from headrace.dev.contract_tests.given_messages import given_messages
from headrace.dev.contract_tests.memory_table import MemoryTable, StoredRow
from headrace.schemas.errors import UnknownSchemaError
from headrace.schemas.registry import Registry
from headrace.steps.check_rules import breach_of
from headrace.steps.transform import Transformer


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The result of one case, which begins at *line* of the file at *path*."""

    path: Path
    line: int
    subject: str
    name: str
    failures: list[Failure] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class ReadyCase:
    """A case that fits its contract, with its messages."""

    file: CaseFile
    place: int
    registry: Registry
    messages: list[Message] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the case."""
        return self.file.content.cases[self.place].name

    @property
    def line(self) -> int:
        """The line at which the case begins."""
        return self.file.line(self.place)

    def run(self) -> CaseResult:
        """Run the case in a table of its own."""
        subject, expected = self.file.content.subject, self.file.content.cases[self.place].expect
        table = MemoryTable(self.registry, subject, now=self.file.now(self.place))
        table.take(self.messages)
        return CaseResult(self.file.path, self.line, subject, self.name, list(_failures(table, expected)))


def ready_cases(file: CaseFile, registry: Registry) -> list[ReadyCase]:
    """Return the cases of *file*, whose contracts are in *registry*.

    Raises:
        CaseFileError: the file does not fit its contract.
        ContractError: a function that the contract names is not installed.
    """
    subject = file.content.subject
    try:
        contract = registry.latest(subject)
    except UnknownSchemaError as error:
        remedy = f"write one of {', '.join(registry.subjects)}"
        raise file.yaml.error(("subject",), str(error), remedy) from None
    Transformer.of(contract)
    cases = []
    for place in range(len(file.content.cases)):
        check_expected(file, place, contract)
        cases.append(ReadyCase(file, place, registry, given_messages(file, place, registry)))
    return cases


def _failures(table: MemoryTable, expected: Expected) -> Iterator[Failure]:
    stored = sorted(table.stored, key=lambda row: int(row.message.message_id))
    letters = sorted(table.letters, key=lambda letter: int(letter.message.message_id))
    yield from _letter_failures(expected.letters, letters)
    for rule in sorted({*expected.warnings, *table.warnings}):
        wanted, got = expected.warnings.get(rule, 0), table.warnings[rule]
        if wanted != got:
            yield Failure(f"warnings.{rule}", str(wanted), str(got))
    for name, count, got in (
        ("duplicates", expected.duplicates, table.duplicates),
        ("dropped", expected.dropped, table.dropped),
        ("rows", expected.row_count, len(stored)),
    ):
        if count != got:
            yield Failure(name, str(count), str(got))
    if isinstance(expected.rows, list) and len(expected.rows) == len(stored):
        yield from _row_failures(table, expected, stored)
    yield from mask_failures(table, expected.masks, stored)


def _letter_failures(expected: list[ExpectedLetter], got: list[DeadLetter]) -> Iterator[Failure]:
    if len(expected) != len(got):
        yield Failure(
            "letters", _listed([each.reason for each in expected]), _listed([_sentence(each) for each in got])
        )
        return
    for place, (wanted, letter) in enumerate(zip(expected, got, strict=True)):
        if wanted.reason is not letter.reason:
            yield Failure(f"letters[{place}]", wanted.reason, _sentence(letter))
        elif wanted.rule and letter.detail != breach_of(wanted.rule):
            yield Failure(f"letters[{place}].rule", wanted.rule, _sentence(letter))
        elif wanted.message not in letter.detail:
            yield Failure(f"letters[{place}].message", f"a text with {wanted.message!r}", repr(letter.detail))


def _listed(letters: list[str]) -> str:
    return f"{len(letters)} ({', '.join(letters)})" if letters else "0"


def _sentence(letter: DeadLetter) -> str:
    return f"{letter.reason}: {letter.detail}"


def _row_failures(table: MemoryTable, expected: Expected, stored: list[StoredRow]) -> Iterator[Failure]:
    rows = expected.rows if isinstance(expected.rows, list) else []
    for place, (wanted, row) in enumerate(zip(rows, stored, strict=True)):
        got = {name: value for name, value in row.values.items() if name in wanted or name not in META_SCHEMA.names}
        yield from row_failures(table.columns, wanted, got, f"rows[{place}]", expected.exact)
