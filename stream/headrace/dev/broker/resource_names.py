"""Names of topics, subscriptions, snapshots and schemas: ``projects/PROJECT/KIND/ID``."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from headrace.dev.broker.broker_errors import invalid

DELETED_TOPIC: Final = "_deleted-topic_"
DELETED_SCHEMA: Final = "_deleted-schema_"
_PROJECT: Final = re.compile(r"projects/([^/]{1,100})")
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")


class Kind(StrEnum):
    """The collection that a resource belongs to, as it is written in names."""

    TOPIC = "topics"
    SUBSCRIPTION = "subscriptions"
    SNAPSHOT = "snapshots"
    SCHEMA = "schemas"


def check_name(kind: Kind, name: str) -> None:
    """Check the name of a resource. Raises BrokerError."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != "projects" or not parts[1] or parts[2] != kind or not is_id(parts[3]):
        raise invalid(f"Invalid [{kind}] name: (name={name}). Names have the form projects/PROJECT/{kind}/ID.")


def check_or_make_name(kind: Kind, name: str, parent: str, new_id: Callable[[], str]) -> str:
    """Return the checked name of a resource; without one, a new name in the project of *parent*. Raises BrokerError."""
    if name:
        check_name(kind, name)
        return name
    return f"projects/{project_of(parent)}/{kind}/{kind.removesuffix('s')}-{new_id()}"


def is_id(text: str) -> bool:
    """Return whether *text* may be the last part of a name."""
    return _ID.fullmatch(text) is not None and not text.startswith("goog")


def project_of(name: str) -> str:
    """Return the project of a resource; raises BrokerError if *name* does not begin with a project."""
    found = _PROJECT.match(name)
    if found is None:
        raise invalid(f"Invalid name: (name={name}). Names begin with projects/PROJECT.")
    return found[1]
