"""Compiles what is written in C into the wheel, editable ones too; without a compiler the wheel goes without."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.errors import BaseError, CCompilerError

# Module: its sources, and what stands in where it is missing. One wheel serves CPython 3.11 and later.
EXTENSIONS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "headrace._columns": (
        ("native/columns/*.c",),
        "the pure-Python fallback decodes events: the same results, several times slower",
    ),
    "headrace._json": (
        ("native/json/*.c", "native/columns/text.c"),
        "the pure-Python fallback reads events in JSON: the same results, several times slower",
    ),
    "headrace._encoder": (
        ("native/encoder/*.c",),
        "pure Python checks and encodes events: the same results, many times slower",
    ),
}
FLAGS: Final = ["-O2", "-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra"]
PLATFORM: Final = "HEADRACE_WHEEL_PLATFORM"  # environment: the platform tag of a wheel that is compiled for another
LIMITED_API: Final = [("Py_LIMITED_API", "0x030B0000")]


class CompileHook(BuildHookInterface[Any]):
    """Puts every extension that compiles beside the packages, never into the source tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a compiler that is missing or fails costs speed and gives a notice, never an error."""
        self._into = Path(tempfile.mkdtemp(prefix="headrace-build-"))
        compiled = compile_all(Path(self.root), self._into, self.app.display_warning)
        built = {str(path): str(path.relative_to(self._into)) for path in compiled}
        build_data["force_include"].update(built)
        build_data["force_include_editable"].update(built)
        if built:
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{_platform()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is now in the wheel."""
        shutil.rmtree(self._into)


def compile_all(root: Path, into: Path, warn: Callable[[str], None], flags: list[str] | None = None) -> list[Path]:
    """Compile every extension of *root* into the folder *into*; *warn* hears of each that does not compile."""
    built = []
    for name, (patterns, without) in EXTENSIONS.items():
        sources = sorted(source for pattern in patterns for source in root.glob(pattern))
        try:
            built.append(_compile(name, sources, into, flags or FLAGS))
        except (BaseError, CCompilerError) as error:
            warn(f"{name} is not compiled ({error}): {without}. Install a C compiler, then run `make setup` again.")
    return built


def _compile(name: str, sources: list[Path], into: Path, flags: list[str]) -> Path:
    extension = Extension(
        name,
        [os.path.relpath(source) for source in sources],
        extra_compile_args=flags if os.name == "posix" else [],
        extra_link_args=[flag for flag in flags if flag.startswith("-fsanitize")],
        define_macros=list(LIMITED_API),
        py_limited_api=True,
    )
    command: Any = Distribution({"name": name, "ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(into), str(into / "objects")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(name))


def _platform() -> str:
    from packaging.tags import platform_tags  # hatchling's own

    return os.environ.get(PLATFORM) or next(iter(platform_tags()))
