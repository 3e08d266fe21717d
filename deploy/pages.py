"""Make the pages about permissions from the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from deploy.permissions import METHODS, RESOURCES, SOURCE_OF, SOURCES, Grant, Principal, grants, principals

_KINDS: Final = {"service": "a service account", "people": "people", "agent": "a service of Google's"}
_BEGIN: Final = "<!-- generated from deploy/permissions.toml -->\n"
_END: Final = "<!-- end -->\n"
_ABOUT_LETTERS: Final = ("job", "backfiller", "collector", "on_call", "operator", "replayer", "importer")
_OF_LETTERS: Final = ("dead_letter_topic", "dead_letter_subscription", "letters", "facts", "trail", "archive_key")
_PAGE: Final = """# Who may do what

Made from `deploy/permissions.toml` by `python -m deploy.permissions`: change it there.

Each identity has its permissions on the resources that need them. On the project it has only what exists nowhere else:
starting queries, and being a worker or a launcher of Dataflow. A test runs the job and every command on the emulators
and records each call. It fails when a permission is missing here, or is listed and never used. The emulators enforce
nothing: the last table quotes Google Cloud's documentation, and was not observed. `headrace doctor --for run` asks
Google Cloud whether the current credentials have the permissions of a command ([doctor.md](doctor.md)).

{principals}

## Grants

Listed permissions form a custom role, `headrace_<identity>_<resource>`; `pubsub.topics.publish` alone is
`roles/pubsub.publisher`. A predefined role is used by something other than the code of this repository, or by code that
only runs on Dataflow. The test does not see it.

{grants}

## Change it

1. Edit `deploy/permissions.toml`: a line is a grant.
2. `.venv/bin/python -m deploy.permissions` writes this page and `deploy/terraform/bindings.tf`.
3. `.venv/bin/pytest tests/integration/test_permissions.py` lists missing and superfluous permissions. Add a new call
   under `[methods]`, with its source. `tests/support/calls.py` records calls, and fails on a request that it does not
   know.

## Without Terraform

`headrace provision` also creates missing topics, subscriptions and datasets. The identity that runs it then needs
`pubsub.topics.create`, `pubsub.topics.attachSubscription`, `pubsub.subscriptions.create` and
`bigquery.datasets.create` on the project. After Terraform it needs none of these.

`headrace contracts publish` creates missing schemas, and then needs `pubsub.schemas.create` on the project, and the
permissions on schemas there too. To publish to a bucket, it needs `roles/storage.objectUser` on that bucket, which is
yours.

## What each call needs

{methods}
"""


def page() -> str:
    """Return docs/permissions.md."""
    return _PAGE.format(
        principals="\n".join(_principals()), grants="\n".join(_rows(grants())), methods="\n".join(_methods())
    )


def letters_page(text: str) -> str:
    """Return docs/dead-letters/README.md with the table made from the data."""
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    lines = _rows(each for each in grants() if each.principal in _ABOUT_LETTERS and _concerns_letters(each))
    return before + _BEGIN + "\n" + "\n".join(lines) + "\n\n" + _END + after


def _concerns_letters(grant: Grant) -> bool:
    to_people = grant.principal not in ("job", "backfiller")
    return grant.resource in _OF_LETTERS or (to_people and grant.resource in ("project", "topics"))


def _principals() -> Iterator[str]:
    yield from ("| Identity | Is | Used by |", "|---|---|---|")
    for each in principals():
        yield f"| `{each.name}` | {_KINDS[each.kind]} | {each.what}{_where(each)} |"


def _rows(some: Iterable[Grant]) -> Iterator[str]:
    yield from ("| Identity | On | May | Purpose |", "|---|---|---|---|")
    before = ""
    for grant in some:
        may = _code(grant.permissions) or f"`{grant.role}`, used by {grant.used_by}"
        who = "" if grant.principal == before else f"`{grant.principal}`"
        yield f"| {who} | {RESOURCES[grant.resource]} | {may} | {grant.why}{_where(grant)} |"
        before = grant.principal


def _methods() -> Iterator[str]:
    yield from ("| Call | Permission | Source |", "|---|---|---|")
    for name, permissions in METHODS.items():
        source = SOURCE_OF[name]
        yield f"| `{name}` | {_code(permissions)} | [{source}]({SOURCES[source]}) |"


def _where(it: Principal | Grant) -> str:
    return "; only on Dataflow" if it.dataflow else ""


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
