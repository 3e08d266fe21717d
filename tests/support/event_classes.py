"""Modules that `headrace contracts codegen` writes: imported, and with instances made of dicts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.contract_code.definitions import Definitions
from headrace.contract_code.event_module import event_module, python_types
from headrace.contract_code.python_types import PythonTypes
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.model import Array, Map, Optional, Record, Recursive, Type, Union
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import contract_json
from tests.support.paths import ROOT

NAME = "events_of_a_contract"
FOREIGN = ROOT / "tests" / "support" / "foreign_samples" / "schemas"
TIMES = {"order_placed": "placed_at", "sensor_reading": "measured_at"}


def foreign_contracts() -> list[Contract]:
    """The schemas of other teams as contracts."""
    return [_annotated(each) for each in sorted(FOREIGN.glob("*.avsc"))]


def _annotated(path: Path) -> Contract:
    subject, _, version = path.name.removesuffix(".avsc").rpartition(".v")
    avro = json.loads(path.read_text())
    avro["headrace"] = contract_json(table=subject, event_time=TIMES[subject])["headrace"]
    return parse_contract(SchemaRef(subject, int(version)), json.dumps(avro))


def module_of(text: str) -> ModuleType:
    """The module with this text; dataclasses look theirs up by its name."""
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    exec(compile(text, f"{NAME}.py", "exec"), module.__dict__)
    return module


class EventClasses:
    """The classes of a contract."""

    def __init__(self, contract: Contract) -> None:
        found = Definitions()
        found.add(contract.record)
        self.text = event_module(contract)
        self.module = module_of(self.text)
        self._record = contract.record
        self._types: PythonTypes = python_types(found)

    def event(self, fields: dict[str, Any]) -> Any:
        """The instance with these fields, records in it included."""
        return self._value(self._record, fields)

    def _value(self, type_: Type, value: Any) -> Any:
        match type_:
            case Optional(item):
                return None if value is None else self._value(item, value)
            case Array(items):
                return [self._value(items, each) for each in value]
            case Map(values):
                return {key: self._value(values, each) for key, each in value.items()}
            case Union(branches):
                ((name, inside),) = (value or {"null": None}).items()
                found = {each.name: self._value(each.type, inside) for each in branches if each.name == name}
                is_record = any(isinstance(each.type, Record | Recursive) for each in branches if each.name == name)
                return None if value is None else found[name] if is_record else found
            case Record():
                return self._instance(type_, value)
            case Recursive():
                return self._instance(type_.record, value)
            case _:
                return value

    def _instance(self, record: Record, fields: dict[str, Any]) -> Any:
        names, types = self._types.attributes[record.full_name], {each.name: each.type for each in record.fields}
        given = {names[name]: self._value(types[name], value) for name, value in fields.items() if name in types}
        return getattr(self.module, self._types.classes[record.full_name])(**given)
