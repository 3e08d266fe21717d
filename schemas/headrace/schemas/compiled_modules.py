"""Loading of the compiled modules. Without one, pure Python does the same, more slowly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final, TypeAlias

from headrace.schemas.errors import CompiledModuleError

PURE: Final = "HEADRACE_PURE"  # environment variable: any value but 0 selects the pure-Python fallback

Constants: TypeAlias = dict[str, dict[str, int]]


def load_compiled(name: str, constants: Callable[[], Constants]) -> ModuleType | None:
    """Return a compiled module; None if it is missing, or if the fallback is selected.

    The first time, the *constants* of the Python code are compared with those of the module.

    Raises:
        CompiledModuleError: the module was built from other sources than the Python code.
    """
    if fallback_wanted():
        return None
    try:
        module = import_module(name)
    except ImportError:
        return None
    _check(module, constants)
    return module


def fallback_wanted() -> bool:
    """Return whether the environment selects the pure-Python fallback."""
    return os.environ.get(PURE, "0") not in ("", "0")


def values_of(enum: type[IntEnum]) -> dict[str, int]:
    """Return the names and the numbers of an enum."""
    return {each.name: each.value for each in enum}


@cache
def _check(module: ModuleType, constants: Callable[[], Constants]) -> None:
    compare_constants(module, constants())


def compare_constants(module: ModuleType, expected: Constants) -> None:
    """Compare the constants of a compiled *module* with *expected*.

    Raises:
        CompiledModuleError: they differ, so the module was built from other sources.
    """
    differences = list(_differences(getattr(module, "CONSTANTS", {}), expected))
    if differences:
        raise CompiledModuleError(
            f"{module.__name__}: built from other sources than the Python code, and differs in "
            f"{', '.join(differences)}; rebuild: make setup, or install headrace-schemas again"
        )


def _differences(compiled: Constants, expected: Constants) -> Iterator[str]:
    for group, values in expected.items():
        found = compiled.get(group, {})
        names = sorted(name for name in values.keys() | found.keys() if values.get(name) != found.get(name))
        if names:
            yield f"{group} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
