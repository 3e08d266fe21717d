"""``headrace template``: build the Flex Template's file, and start jobs from it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from headrace.cli.commands.deploy import parse_renames
from headrace.config.settings import Settings
from headrace.deploy import gcloud
from headrace.deploy.flex_template import (
    backfill_metadata,
    build_backfill_command,
    build_command,
    metadata,
    run_command,
)


def build(settings: Settings, backfill: bool, print_only: bool) -> None:
    """Put a template's file into its bucket, or print the command."""
    _do(build_backfill_command(settings) if backfill else build_command(settings), print_only)


def run(settings: Settings, update: bool, renames: list[str], print_only: bool) -> None:
    """Start a job from the template, or replace the running one, or print the command."""
    _do(run_command(settings, update, parse_renames(renames)), print_only)


def print_metadata(backfill: bool) -> None:
    """Print the metadata of a template."""
    sys.stdout.write(backfill_metadata() if backfill else metadata())


def _do(command: Sequence[str], print_only: bool) -> None:
    if print_only:
        sys.stdout.write(gcloud.as_shell(command) + "\n")
    else:
        gcloud.run(command)
