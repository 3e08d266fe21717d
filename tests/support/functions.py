"""Functions of users: a package that has them is installed, as importlib.metadata sees it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

_MODULE = "functions_of_a_user"


@contextmanager
def installed(**functions: Callable[..., Any]) -> Iterator[None]:
    """Have these functions in the group ``headrace.transforms`` while the block runs."""
    module = ModuleType(_MODULE)
    for name, function in functions.items():
        setattr(module, name, function)
    with tempfile.TemporaryDirectory() as folder, patch.dict(sys.modules, {_MODULE: module}):
        about = Path(folder) / f"{_MODULE}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {_MODULE}\nVersion: 1.0\n")
        lines = [f"{name} = {_MODULE}:{name}" for name in functions]
        (about / "entry_points.txt").write_text("\n".join(["[headrace.transforms]", *lines, ""]))
        with patch.object(sys, "path", [folder, *sys.path]):
            yield
