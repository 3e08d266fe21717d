"""Versions of Headrace and of the libraries that it calls services with, its extras, and the decoder in use."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from headrace.doctor.findings import Finding, Level, ok
from headrace.runtime.extras import MODULES
from headrace.schemas.columns import decoder_kind, fallback_remedy

OURS: Final = ("headrace", "headrace-schemas", "headrace-producers")
LIBRARIES: Final = (
    "google-cloud-pubsub",
    "google-cloud-bigquery",
    "google-cloud-bigquery-storage",
    "grpcio",
    "pyarrow",
)
_ENGINE: Final = "engine"


def look_at_versions() -> Iterator[Finding]:
    """Yield findings about this installation."""
    yield ok("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from judge_versions({name: _version(name) for name in (*OURS, *LIBRARIES)})
    yield from judge_extras(
        {extra: [each for each in modules if not _exists(each)] for extra, modules in MODULES.items()}
    )
    yield from judge_decoder(decoder_kind(), fallback_remedy())


def judge_versions(versions: Mapping[str, str | None]) -> Iterator[Finding]:
    """Yield findings about the installed *versions*; None stands in for a distribution that is not installed."""
    ours = {versions[name] for name in OURS if versions[name]}
    if len(ours) > 1:
        listed = ", ".join(f"{name} {versions[name]}" for name in OURS if versions[name])
        yield Finding(Level.PROBLEM, "headrace", f"its parts differ: {listed}", "install the same version of all three")
    else:
        yield ok("headrace", ", ".join(sorted(filter(None, ours))))
    yield ok("libraries", ", ".join(f"{name} {versions[name] or 'is not installed'}" for name in LIBRARIES))


def judge_extras(missing: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Yield findings about the extras; *missing* has for each extra the modules that are not installed."""
    for extra, modules in missing.items():
        install = f"pip install 'headrace[{extra}]'"
        if not modules:
            yield ok(f"extra {extra}", "installed")
        elif extra == _ENGINE:
            yield Finding(Level.PROBLEM, f"extra {extra}", f"not installed: {', '.join(modules)}", f"run {install}")
        else:
            yield ok(f"extra {extra}", f"not installed; {install} if you need it")


def judge_decoder(kind: str, remedy: str | None) -> Iterator[Finding]:
    """Yield a finding about the decoder in use; *remedy* enables the compiled one."""
    if remedy is None:
        yield ok("decoder", kind)
    else:
        yield Finding(Level.WARNING, "decoder", f"{kind}: the same results, several times slower", remedy)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent of the module is not installed
        return False
