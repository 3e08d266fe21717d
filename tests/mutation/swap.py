"""Puts a mutant into the running process: the live function gets the changed function's code."""

from __future__ import annotations

import ast
import functools
import importlib
import types
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, mutated


def put_in(mutant: Mutant, root: Path) -> None:
    """Change the function that *mutant* names, wherever it was imported to. LookupError when it cannot be found."""
    path = root / mutant.file
    module = importlib.import_module(_name(mutant.file))
    code = _code_of(mutated(path.read_text(), mutant), path, mutant.function)
    function = _function(module, mutant.function)
    if code.co_freevars != function.__code__.co_freevars:
        raise LookupError(f"{mutant.name}: its closure differs")
    function.__code__ = code


def _name(file: str) -> str:
    """The module in *file*, such as ``stream/headrace/job.py``: the first folder is that of its distribution."""
    return ".".join(Path(file).with_suffix("").parts[1:]).removesuffix(".__init__")


def _code_of(tree: ast.Module, path: Path, qualified: str) -> types.CodeType:
    code = compile(tree, str(path), "exec", dont_inherit=True)
    for name in qualified.split("."):
        code = next(each for each in code.co_consts if isinstance(each, types.CodeType) and each.co_name == name)
    return code


def _function(module: types.ModuleType, qualified: str) -> types.FunctionType:
    found: Any = module
    *owners, name = qualified.split(".")
    for owner in owners:
        found = getattr(found, owner)
    found = found.__dict__[_mangled(owners, name)] if owners else getattr(found, name)
    return _unwrapped(found, qualified)


def _mangled(owners: list[str], name: str) -> str:
    return f"_{owners[-1].lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name


def _unwrapped(found: Any, qualified: str) -> types.FunctionType:
    """The function beneath properties, class methods, caches and other wrappers."""
    while not isinstance(found, types.FunctionType) or hasattr(found, "__wrapped__"):
        if hasattr(found, "cache_clear"):
            found.cache_clear()
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = found.func
        elif isinstance(found, staticmethod | classmethod):
            found = found.__func__
        elif hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        else:
            raise LookupError(f"{qualified}: no function of Python")
    return found
