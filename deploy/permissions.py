"""The table of permissions, and what is generated from it: two pages and the Terraform bindings.

``python -m deploy.permissions`` writes them anew; a test says when that was forgotten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
_TABLE: Final[dict[str, Any]] = tomllib.loads((ROOT / "deploy/permissions.toml").read_text())
PRINCIPALS: Final[dict[str, dict[str, str]]] = _TABLE["principals"]
RESOURCES: Final[dict[str, str]] = _TABLE["resources"]
METHODS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(method["permissions"]) for name, method in _TABLE["methods"].items()
}
PUBLISHER: Final = "roles/pubsub.publisher"  # the one role of Google's that holds what is needed and no more
DATASET_OF: Final = {
    **dict.fromkeys(("tables", "tallies", "engines", "completeness"), "dataset"),
    **dict.fromkeys(("letters", "facts", "trail"), "archive"),
}
_LETTERS_PAGE: Final = ROOT / "docs/dead-letters/README.md"
_BEGIN: Final = "<!-- generated from deploy/permissions.toml -->\n"
_END: Final = "<!-- end -->\n"
_ABOUT_LETTERS: Final = ("job", "collector", "on_call", "operator", "replayer", "importer")
_OF_LETTERS: Final = ("dead_letter_topic", "dead_letter_subscription", "letters", "facts", "trail", "archive_key")


@dataclass(frozen=True, slots=True)
class Grant:
    """One role for one principal on one resource; *used_by* says who uses it where the code does not."""

    principal: str
    resource: str
    permissions: tuple[str, ...]
    role: str
    why: str
    used_by: str
    dataflow: bool

    @property
    def name(self) -> str:
        """What Terraform calls it."""
        return f"{self.principal}_{self.resource}" + ("_dataflow" if self.dataflow else "")

    @property
    def is_custom(self) -> bool:
        """Whether the role is ours."""
        return not self.role.startswith("roles/")


def grants() -> list[Grant]:
    """Every grant, as the table has them."""
    return [*_read(_TABLE["grants"], False), *_read(_TABLE["dataflow"], True)]


def used_by_code(principal: str) -> set[tuple[str, str]]:
    """What *principal* is granted for the code to use, as (resource, permission)."""
    mine = (grant for grant in grants() if grant.principal == principal and not grant.used_by)
    return {(grant.resource, permission) for grant in mine for permission in grant.permissions}


def covered(principal: str, used: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """*used*, where a grant on a dataset stands for its tables when there is none on the table itself."""
    granted = used_by_code(principal)
    return {
        (DATASET_OF[resource], permission)
        if (resource, permission) not in granted and (DATASET_OF.get(resource), permission) in granted
        else (resource, permission)
        for resource, permission in used
    }


def page() -> str:
    """docs/permissions.md."""
    return "\n".join(_page())


def letters_page() -> str:
    """docs/dead-letters/README.md with its table as the data has it."""
    before, _, rest = _LETTERS_PAGE.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    lines = _rows(g for g in grants() if g.principal in _ABOUT_LETTERS and _concerns_letters(g))
    return before + _BEGIN + "\n" + "\n".join(lines) + "\n\n" + _END + after


def files() -> dict[Path, str]:
    """What is generated, and what it should hold."""
    from deploy.bindings import bindings

    return {
        ROOT / "docs/permissions.md": page(),
        _LETTERS_PAGE: letters_page(),
        ROOT / "deploy/terraform/bindings.tf": bindings(grants()),
    }


def _read(table: Mapping[str, Any], dataflow: bool) -> Iterator[Grant]:
    for principal, resources in table.items():
        for resource, said in resources.items():
            permissions = tuple(said.get("permissions", ()))
            role = said.get("role") or _role(permissions)
            yield Grant(principal, resource, permissions, role, said["why"], said.get("used_by", ""), dataflow)


def _role(permissions: tuple[str, ...]) -> str:
    """Google's role where it holds just these, else one of ours, named by what it holds."""
    if permissions == ("pubsub.topics.publish",):
        return PUBLISHER
    kinds = {permission.split(".")[1] for permission in permissions}
    words = [permission.split(".", 1)[1].replace(".", "_") for permission in permissions]
    if len(kinds) == 1:
        words = [kinds.pop(), *(permission.rsplit(".", 1)[1] for permission in permissions)]
    return "_".join(["headrace", *words])


def _concerns_letters(grant: Grant) -> bool:
    return grant.resource in _OF_LETTERS or (grant.principal != "job" and grant.resource in ("project", "topics"))


def _page() -> Iterator[str]:
    yield "# Who may do what\n"
    yield "Made from `deploy/permissions.toml` by `python -m deploy.permissions`; do not edit it here.\n"
    yield "Each identity has what it needs on the resource that it needs it on; on the project only where BigQuery and"
    yield "Dataflow know no other place. A test runs the job and every command on the emulators, records each call, and"
    yield "fails when a permission is needed that is not here, or is here and never used. The emulators enforce nothing:"
    yield "that Google Cloud asks for the same is what its documentation says (last table), not what was seen.\n"
    yield from ("| Identity | Is | Who |", "|---|---|---|")
    for name, principal in PRINCIPALS.items():
        yield f"| `{name}` | {'a service account' if principal['is'] == 'service' else 'people'} | {principal['what']} |"
    yield "\n## Grants\n"
    yield "A role that begins with `headrace_` is one of ours and holds the permissions named. Where no permissions are"
    yield "named it is Google's role that is given, and used by something other than the code of this repository.\n"
    yield from _rows(grants())
    yield "\n## Without Terraform\n"
    yield "`headrace provision` also makes topics, subscriptions and datasets that are missing. Whoever runs it then needs"
    yield "`pubsub.topics.create`, `pubsub.topics.attachSubscription`, `pubsub.subscriptions.create` and"
    yield "`bigquery.datasets.create` on the project. After Terraform it needs none of these.\n"
    yield "## What each call needs\n"
    yield from ("| Call | Permission | Source |", "|---|---|---|")
    for name, method in _TABLE["methods"].items():
        source = _TABLE["sources"][method["source"]]
        yield f"| `{name}` | {_code(method['permissions'])} | [{method['source']}]({source}) |"
    yield ""


def _rows(some: Any) -> Iterator[str]:
    yield from ("| Identity | On | Role | Permissions | What for |", "|---|---|---|---|---|")
    before = ""
    for grant in some:
        said = _code(grant.permissions) or f"used by {grant.used_by}"
        who = "" if grant.principal == before else f"`{grant.principal}`"
        when = "; only on Dataflow" if grant.dataflow else ""
        yield f"| {who} | {RESOURCES[grant.resource]} | `{grant.role}` | {said} | {grant.why}{when} |"
        before = grant.principal


def _code(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
