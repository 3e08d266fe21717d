"""Check that the expectations of a case fit the contract, before the case runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrace.bigquery.row_json import columns_of_table
from headrace.config.file_model import Key, unknown_key
from headrace.core.dead_letter import Reason
from headrace.dev.contract_tests.case_file import CaseFile, ExpectedLetter
from headrace.schemas.classification import Mask
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.from_json import convert
from headrace.schemas.model import Array, Map, Optional, Record, Type, walk
from headrace.schemas.registry import Contract
from headrace.schemas.validate import check
from headrace.schemas.value_rules import Otherwise

_OTHERWISE: Final = {
    Otherwise.WARN: ("this rule only warns", "write it under warnings, with the number of events"),
    Otherwise.DEAD_LETTER: ("this rule does not only warn", "write it under letters, with reason: rule_broken"),
}


def check_expected(file: CaseFile, place: int, contract: Contract) -> None:
    """Check the columns, values, masks and rules that the case at *place* names.

    Raises:
        CaseFileError: the table has no such column, a value is not of its column's type, or a field or a rule does not
            exist.
    """
    expected = file.content.cases[place].expect
    checks = _Checks(file, place, contract)
    for number, row in enumerate(expected.rows if isinstance(expected.rows, list) else ()):
        checks.value(columns_of_table(contract), row, ("expect", "rows", str(number)))
    fields = dict(walk(contract.record))
    for path in expected.masks:
        if path not in fields:
            key = ("expect", "masks", path)
            raise file.error(place, key, "the contract has no such field", unknown_key(path, fields))
    for number, letter in enumerate(expected.letters):
        if letter.rule:
            checks.breach(letter, ("expect", "letters", str(number), "rule"))
    for name in expected.warnings:
        checks.rule(name, Otherwise.WARN, ("expect", "warnings", name))


class _Checks:
    """Checks of the values of one case."""

    def __init__(self, file: CaseFile, place: int, contract: Contract) -> None:
        self._file, self._place = file, place
        fields = contract.record.fields
        self._rules = {rule.name: rule.otherwise for rule in contract.transformations.rules}
        self._omitted = {field.column for field in fields if field.mask and field.mask.mask is Mask.OMIT}

    def breach(self, letter: ExpectedLetter, key: Key) -> None:
        if letter.reason is not Reason.RULE_BROKEN:
            remedy = f"remove it, or write reason: {Reason.RULE_BROKEN}"
            raise self._file.error(self._place, key, f"the reason is {letter.reason}", remedy)
        self.rule(letter.rule, Otherwise.DEAD_LETTER, key)

    def rule(self, name: str, wanted: Otherwise, key: Key) -> None:
        if name not in self._rules:
            remedy = unknown_key(name, self._rules) if self._rules else "remove it: the contract has no rules"
            raise self._file.error(self._place, key, "the contract has no such rule", remedy)
        if self._rules[name] is not wanted:
            raise self._file.error(self._place, key, *_OTHERWISE[self._rules[name]])

    def value(self, type_: Type, value: Any, key: Key) -> None:
        match type_:
            case Optional() if value is not None:
                self.value(type_.item, value, key)
            case Record() if isinstance(value, Mapping):
                self._row(type_, value, key)
            case Array() if isinstance(value, list):
                for place, item in enumerate(value):
                    self.value(type_.items, item, (*key, str(place)))
            case Map() if isinstance(value, Mapping):
                for name, item in value.items():
                    self.value(type_.values, item, (*key, name))
            case _:
                self._plain(type_, value, key)

    def _row(self, record: Record, row: Mapping[str, Any], key: Key) -> None:
        fields = {field.name: field for field in record.fields}
        for name, value in row.items():
            if name in fields:
                self.value(fields[name].type, value, (*key, name))
            elif name in self._omitted:
                remedy = f"remove it, and write {name}: omit under masks"
                raise self._file.error(self._place, (*key, name), "an omitted field has no column", remedy)
            else:
                remedy = unknown_key(name, fields)
                raise self._file.error(self._place, (*key, name), "the table has no such column", remedy)

    def _plain(self, type_: Type, value: Any, key: Key) -> None:
        try:
            check(type_, convert(type_, value, ""), "")
        except InvalidEventError as error:
            why, remedy = error.why, error.remedy
        else:
            return
        raise self._file.error(self._place, key, why, remedy)
