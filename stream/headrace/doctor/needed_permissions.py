"""The permissions that each command needs, from ``permissions.json``.

``python -m deploy.permissions`` makes that file from deploy/permissions.toml.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_FILE: Final = "permissions.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Permissions that the *commands* of an identity need on a kind of *resource*, and the *role* that holds them.

    The commands work without *optional* ones.
    """

    commands: tuple[str, ...]
    resource: str
    permissions: tuple[str, ...]
    role: str
    why: str
    optional: bool = False


def needs() -> list[Need]:
    """Return the needs of all commands."""
    listed = json.loads(files("headrace.doctor").joinpath(_FILE).read_text("utf-8"))
    return [
        Need(
            commands=tuple(each["commands"]),
            resource=each["resource"],
            permissions=tuple(each["permissions"]),
            role=each["role"],
            why=each["why"],
            optional=each["optional"],
        )
        for each in listed
    ]


def of_commands(all_needs: Collection[Need], wanted: Collection[str]) -> list[Need]:
    """Return the needs of the *wanted* commands, such as ``run``, or ``dead-letters`` for each command of the group."""
    return [each for each in all_needs if any(_is_among(command, wanted) for command in each.commands)]


def known_commands() -> list[str]:
    """Return the commands whose needs are known."""
    return list(dict.fromkeys(command for each in needs() for command in each.commands))


def is_known(wanted: str) -> bool:
    """Return whether *wanted* is a command, or a group of commands, whose needs are known."""
    return any(_is_among(command, [wanted]) for command in known_commands())


def _is_among(command: str, wanted: Collection[str]) -> bool:
    return any(command == each or command.startswith(f"{each} ") for each in wanted)
