"""``headrace contracts``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import completion
from headrace.cli.command_group import command_group
from headrace.cli.contracts_files import CATALOG_EXAMPLES, CODEGEN_EXAMPLES, catalog, codegen
from headrace.cli.options import Contracts, Format, Journal, Profile, examples, with_json

contracts_app = command_group("Show, check, publish, import and annotate contracts.")


@contracts_app.callback()
def contracts() -> None:
    """Show, check, publish, import and annotate contracts."""


@contracts_app.command(
    epilog=examples(
        "headrace contracts check",
        "headrace contracts check contracts --against origin/main",
        "headrace contracts check contracts --against origin/main --format github",
        "headrace contracts check contracts --against pubsub",
        "headrace contracts check contracts --against bigquery",
        "headrace contracts check contracts --against registry",
    )
)
@with_json
def check(
    folder: Annotated[Path | None, typer.Argument(help="Folder; default: the setting `contracts`.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Commit, branch or tag whose contracts are published; or pubsub, bigquery, registry, or a URL.",
            autocompletion=completion.published_places,
        ),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="text, json, junit, github (annotations) or sarif.",
            autocompletion=completion.report_formats,
        ),
    ] = "text",
    profile: Profile = None,
) -> None:
    """Check contracts, and what their changes break.

    Compares every version with all earlier ones. Needs no credentials and no network, unless --against names a
    service. Exits with 1 when a rule is broken and not waived.
    """
    from headrace.cli.commands.contracts_check import check_contracts

    raise typer.Exit(check_contracts(folder, against, format_, profile))


@contracts_app.command(
    "list",
    epilog=examples("headrace contracts list", "headrace contracts list contracts --json"),
)
@with_json
def list_(
    folder: Annotated[Path | None, typer.Argument(help="Folder; default: the setting `contracts`.")] = None,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """List the subjects, and why any is refused.

    Needs no credentials and no network.
    """
    from headrace.cli.commands.contracts_view import list_contracts

    list_contracts(folder, profile, format_)


@contracts_app.command(
    epilog=examples("headrace contracts show order_placed", "headrace contracts show order_placed --version 1")
)
@with_json
def show(
    subject: Annotated[str, typer.Argument(help="Subject of contracts.", autocompletion=completion.subjects)],
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Version; default: the newest.", autocompletion=completion.contract_versions),
    ] = None,
    contracts: Contracts = None,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Show a contract with its table, columns and masks.

    Needs no credentials and no network.
    """
    from headrace.cli.commands.contracts_view import show_contract

    show_contract(subject, version, contracts, profile, format_)


@contracts_app.command(
    epilog=examples(
        "headrace contracts diff order_placed",
        "headrace contracts diff order_placed 1 3",
        "headrace contracts diff order_placed --against origin/main",
    )
)
@with_json
def diff(
    subject: Annotated[str, typer.Argument(help="Subject of contracts.", autocompletion=completion.subjects)],
    old: Annotated[
        int | None,
        typer.Argument(
            min=1, help="Older version; default: the one before.", autocompletion=completion.contract_versions
        ),
    ] = None,
    new: Annotated[
        int | None,
        typer.Argument(min=1, help="Newer version; default: the newest.", autocompletion=completion.contract_versions),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Commit, branch or tag that has the older version.")
    ] = None,
    contracts: Contracts = None,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Show what changes from one version to another.

    Compares contract, masks, table and graph, and names the rules that the change breaks. Needs no credentials and no
    network.
    """
    from headrace.cli.commands.contracts_view import diff_versions

    diff_versions(subject, old, new, against, contracts, profile, format_)


contracts_app.command(epilog=CATALOG_EXAMPLES)(catalog)
contracts_app.command(epilog=CODEGEN_EXAMPLES)(codegen)


@contracts_app.command(
    epilog=examples(
        "headrace contracts publish",
        "headrace contracts publish contracts --to pubsub://my-project --to gs://team-schemas/contracts",
        "headrace contracts publish contracts --against origin/main --apply",
    )
)
@with_json
def publish(
    folder: Annotated[Path | None, typer.Argument(help="Folder; default: the setting `contracts`.")] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="pubsub://PROJECT or gs://BUCKET/FOLDER; repeatable; default: Pub/Sub of the setting `project`.",
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Commit, branch or tag whose contracts are published.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Publish, instead of only printing what would be.")] = False,
    delete_oldest: Annotated[
        bool,
        typer.Option("--delete-oldest-revision", help="Delete the oldest revisions where a schema has no room."),
    ] = False,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Publish contracts to Pub/Sub's schema service and a bucket.

    Checks them first. Prints what would change, and changes nothing without --apply. Exits with 1 when something is
    refused. After an interruption, run it again: it continues.
    """
    from headrace.cli.commands.contracts_publish import publish_contracts

    publish_contracts(folder, to or [], against, apply, delete_oldest, profile, format_)


@contracts_app.command(
    "import",
    epilog=examples(
        "headrace contracts import orders-value",
        "headrace contracts import orders-value --subject order_placed --version 1 --version 2",
        "headrace contracts import orders-value --from https://registry.example/apis/ccompat/v7",
        "headrace contracts import orders --from pubsub://my-project",
        "headrace contracts import order_placed --from gs://team-schemas/contracts",
    ),
)
@with_json
def import_(
    schema: Annotated[str, typer.Argument(metavar="SUBJECT", help="Subject of the registry, or name of the schema.")],
    url: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Base URL of the registry [HEADRACE_SCHEMA_REGISTRY__URL], pubsub://PROJECT or gs://BUCKET/FOLDER.",
        ),
    ] = None,
    contracts: Contracts = None,
    subject: Annotated[str | None, typer.Option(help="Subject of the contracts; default: from SUBJECT.")] = None,
    version: Annotated[
        list[int] | None, typer.Option(min=1, help="Version to import; repeatable; default: all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that differ.")] = False,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Write schemas of a registry or of Pub/Sub as contracts.

    Writes them byte for byte, all or none, and says what is left to declare.
    """
    from headrace.cli.commands.contracts_import import import_contracts

    import_contracts(schema, url, contracts, subject, version or [], force, profile, format_)


@contracts_app.command(
    epilog=examples(
        "headrace contracts annotate contracts/order_placed.v1.avsc",
        "headrace contracts annotate contracts/order_placed.v1.avsc --encoding confluent --envelope attributes",
    )
)
@with_json
def annotate(
    file: Annotated[Path, typer.Argument(help="Schema, named <subject>.v<N>.avsc.")],
    table: Annotated[str | None, typer.Option(help="Table; default: the subject.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of payloads, such as confluent.")] = None,
    envelope: Annotated[str | None, typer.Option(help="Envelope, such as cloudevents or attributes.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Accept every suggestion as it is.")] = False,
    format_: Format = "table",
) -> None:
    """Write a first sidecar beside a schema.

    Guesses the event time, and suggests masks by the names and tags of fields. A person confirms them.
    """
    from headrace.cli.commands.contracts_annotate import annotate as annotate_file

    annotate_file(file, table, encoding, envelope, confirm, format_)


@contracts_app.command(
    epilog=examples("headrace contracts pin order_placed --dry-run", "headrace contracts pin order_placed")
)
@with_json
def pin(
    subject: Annotated[str, typer.Argument(help="Subject of contracts.", autocompletion=completion.subjects)],
    contracts: Contracts = None,
    journal: Journal = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes, and make none.")] = False,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Accept what the registry's ids name now.

    Ends the halt of a subject whose ids name other schemas than before. Run it on the machine with the engine's
    journal.
    """
    from headrace.cli.commands.contracts_pin import pin_anew

    pin_anew(subject, contracts, journal, dry_run, profile, format_)
