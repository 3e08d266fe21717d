"""The table of permissions, and what is generated from it: pages, Terraform, a query, and what `doctor` reads.

``python -m deploy.permissions`` writes them anew; a test says when that was forgotten.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
_TABLE: Final[dict[str, Any]] = tomllib.loads((ROOT / "deploy/permissions.toml").read_text())
RESOURCES: Final[dict[str, str]] = _TABLE["resources"]
METHODS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(method["permissions"]) for name, method in _TABLE["methods"].items()
}
SOURCES: Final[dict[str, str]] = _TABLE["sources"]
SOURCE_OF: Final[dict[str, str]] = {name: method["source"] for name, method in _TABLE["methods"].items()}
PUBLISHER: Final = "roles/pubsub.publisher"  # the one role of Google's that holds what is needed and no more
_PUBLISH: Final = "pubsub.topics.publish"
CONTAINER_OF: Final = {
    **dict.fromkeys(("tables", "evolving_tables", "tallies", "engines", "completeness", "rollups"), "dataset"),
    **dict.fromkeys(("letters", "facts", "trail"), "archive"),
    "schemas": "project",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who: *kind* is service, people, or agent (a service of Google's); *dataflow*: only there is it needed.

    *commands* are those that it runs.
    """

    name: str
    kind: str
    what: str
    account: str
    dataflow: bool
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role for one principal on one resource; *used_by* says who uses it where the code does not.

    The code works without an *optional* one.
    """

    principal: str
    resource: str
    permissions: tuple[str, ...]
    role: str
    why: str
    used_by: str
    dataflow: bool
    optional: bool

    @property
    def name(self) -> str:
        """What Terraform calls it."""
        return f"{self.principal}_{self.resource}" + ("_dataflow" if self.dataflow else "")

    @property
    def is_custom(self) -> bool:
        """Whether the role is ours."""
        return not self.role.startswith("roles/")


def principals() -> list[Principal]:
    """Everybody, in the table's order."""
    return [
        Principal(
            name=name,
            kind=said["is"],
            what=said["what"],
            account=said.get("account", ""),
            dataflow=name not in _TABLE["grants"],
            commands=tuple(said.get("commands", ())),
        )
        for name, said in _TABLE["principals"].items()
    ]


def grants() -> list[Grant]:
    """Every grant, as the table has them."""
    return [*_read(_TABLE["grants"], False), *_read(_TABLE["dataflow"], True)]


def used_by_code(principal: str) -> set[tuple[str, str]]:
    """What *principal* is granted for the code to use, as (resource, permission)."""
    mine = (grant for grant in grants() if grant.principal == principal and not grant.used_by)
    return {(grant.resource, permission) for grant in mine for permission in grant.permissions}


def differences(principal: str, used: set[tuple[str, str]]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What *principal* has used and is not granted, and what it is granted and has not used."""
    stands_for, granted = covered(principal, used), used_by_code(principal)
    return stands_for - granted, granted - stands_for


def covered(principal: str, used: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return *used*. What has no grant of its own is replaced by the dataset or the project that has one."""
    granted = used_by_code(principal)
    return {
        (CONTAINER_OF[resource], permission)
        if (resource, permission) not in granted and (CONTAINER_OF.get(resource), permission) in granted
        else (resource, permission)
        for resource, permission in used
    }


def needs_of_commands() -> str:
    """Return what `headrace doctor` reads: the permissions that the code of each command uses, and their roles."""
    commands = {each.name: each.commands for each in principals() if each.commands}
    needs = [
        {
            "identity": each.principal,
            "commands": commands[each.principal],
            "resource": each.resource,
            "permissions": each.permissions,
            "role": each.role,
            "why": each.why,
            "optional": each.optional,
        }
        for each in grants()
        if each.permissions and each.principal in commands
    ]
    return json.dumps(needs, indent=2) + "\n"


def files() -> dict[Path, str]:
    """What is generated, and what it should hold."""
    from deploy.bindings import bindings
    from deploy.open_letters import open_letters
    from deploy.pages import letters_page, page

    letters = ROOT / "docs/dead-letters/README.md"
    return {
        ROOT / "docs/permissions.md": page(),
        letters: letters_page(letters.read_text()),
        ROOT / "deploy/terraform/bindings.tf": bindings(principals(), grants()),
        ROOT / "deploy/terraform/open_letters.sql": open_letters(),
        ROOT / "stream/headrace/doctor/permissions.json": needs_of_commands(),
    }


def _read(table: Mapping[str, Any], dataflow: bool) -> Iterator[Grant]:
    for principal, resources in table.items():
        for resource, said in resources.items():
            permissions = tuple(said.get("permissions", ()))
            ours = PUBLISHER if permissions == (_PUBLISH,) else f"headrace_{principal}_{resource}"
            role = said.get("role", ours)
            yield Grant(
                principal=principal,
                resource=resource,
                permissions=permissions,
                role=role,
                why=said["why"],
                used_by=said.get("used_by", ""),
                dataflow=dataflow,
                optional=said.get("optional", False),
            )


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
