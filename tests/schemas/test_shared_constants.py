"""A compiled module that was built from other sources is refused, with the remedy."""

from __future__ import annotations

import copy
import sys
from types import ModuleType
from typing import Any

import pytest

from headrace.schemas.columns import compiled_module
from headrace.schemas.compiled_modules import compare_constants
from headrace.schemas.errors import CompiledModuleError
from headrace.schemas.shared_constants import shared_constants
from tests.support.readers import NEEDS_C


def a_module(constants: Any) -> ModuleType:
    module = ModuleType("headrace._columns")
    if constants is not None:
        vars(module)["CONSTANTS"] = constants
    return module


@NEEDS_C
def test_the_compiled_module_has_the_constants_of_the_python_code() -> None:
    assert shared_constants() == compiled_module().CONSTANTS


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("limits", "MAX_WIDTH", 1),
        ("opcodes", "DEFAULT", 12),
        ("layouts", "LIST", None),
        ("statuses", "TOO_ODD", 99),
    ],
)
def test_a_difference_is_named_with_the_remedy(group: str, name: str, value: int | None) -> None:
    constants = copy.deepcopy(shared_constants())
    if value is None:
        del constants[group][name]
    else:
        constants[group][name] = value

    with pytest.raises(CompiledModuleError, match=rf"_columns: .*differs in {group} \({name}\); rebuild: make setup"):
        compare_constants(a_module(constants), shared_constants())


def test_a_module_without_constants_is_refused_when_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_PURE", raising=False)
    monkeypatch.setitem(sys.modules, "headrace._columns", a_module(None))

    with pytest.raises(CompiledModuleError, match=r"opcodes \(ARRAY, BOOLEAN, BYTES, \.\.\.\), layouts"):
        compiled_module()
