"""``headrace deploy``: print the plan of a deployment, the changes of an update, and the commands of a drain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.config.settings import Settings, SettingsError
from headrace.deploy.dataflow_flags import backfill_flags, dataflow_flags, drain_script, secret_names
from headrace.deploy.graph_comparison import (
    GOLDEN,
    Graph,
    GraphChange,
    any_subject,
    compare,
    dependencies,
    dump,
    load,
    renamed,
)
from headrace.errors import Exit
from headrace.runtime.extras import require
from headrace.util.output import print_json, say


def parse_renames(pairs: list[str]) -> dict[str, str]:
    """Read ``old=new`` pairs, or ``old=`` for a removed step. Raises SettingsError for an invalid pair."""
    mapping = {}
    for pair in pairs:
        old, found, new = pair.partition("=")
        if not (old and found):
            raise SettingsError(
                "--rename: invalid; write <old label>=<new label>, or <old label>= for a step that is gone"
            )
        mapping[old] = new
    return mapping


def plan(settings: Settings, against: Path | None, save: Path | None, renames: list[str], json_output: bool) -> Exit:
    """Print graph, options and changes. Return FOUND if a running job cannot be updated."""
    require("apache_beam")
    mapping = parse_renames(renames)
    flags = dataflow_flags(settings, mapping=mapping)
    new = current_graph(settings)
    if against is None:
        changes = compare(renamed(any_subject(load(GOLDEN)), mapping), any_subject(new))
    else:
        changes = compare(renamed(load(against), mapping), new)
    if save is not None:
        save.write_text(dump(new), "utf-8")
    if json_output:
        print_json({"schema_version": 1, "graph": new, "options": flags, "changes": [_row(each) for each in changes]})
    else:
        sys.stdout.write(as_text(settings, new, flags, changes, against))
    return Exit.DONE if all(change.compatible for change in changes) else Exit.FOUND


def current_graph(settings: Settings) -> Graph:
    """Return the graph of the settings and contracts. The flags name no runner, because Beam would need an account."""
    from headrace.deploy.graph import describe
    from headrace.deploy.submit import pipeline_for

    graph = describe(pipeline_for(settings, ["--streaming"]).to_runner_api(), settings.shards)
    masking, sealing = secret_names(settings)
    keys = {"masking": masking, "masking_key_version": settings.masking_key_version, "sealing": sealing}
    return {**graph, "keys": keys}


def as_text(
    settings: Settings, graph: Graph, flags: list[str], changes: list[GraphChange], against: Path | None = None
) -> str:
    """Format the plan: steps with their state, options, changes. List the branches of all subjects as one."""
    subjects = settings.registry().subjects
    lines = [f"Steps for {', '.join(subjects)}; {graph['shards']} shards:"]
    for label, step in any_subject(graph)["steps"].items():
        lines.append(f"  {label}")
        lines += [f"    {name}: {value}" for name, value in dependencies(step)]
    lines += ["Options:", *(f"  {flag}" for flag in flags)]
    lines.append(f"Changes for the job of {against}:" if against else "Changes for a running job of this release:")
    lines += [f"  {'ok' if each.compatible else 'NOT COMPATIBLE'}  {each.step}: {each.what}" for each in changes]
    if not changes:
        lines.append("  none")
    if not all(each.compatible for each in changes):
        lines.append("Drain the running job and start a new one: headrace deploy drain")
    return "\n".join(lines) + "\n"


def drain(settings: Settings) -> None:
    """Print the commands that drain the running job."""
    sys.stdout.write(drain_script(settings))


def run_on_dataflow(settings: Settings, update: bool, renames: list[str], validate_only: bool = False) -> None:
    """Submit the job and print its id. With *validate_only*, Dataflow only checks the update and logs the result."""
    require("apache_beam")
    from headrace.deploy.submit import pipeline_for, submit

    flags = dataflow_flags(settings, update, parse_renames(renames), validate_only)
    job = submit(pipeline_for(settings, flags))
    if validate_only:
        say(f"submitted a check: the messages of job {job} show whether the running job can be updated")
    else:
        say(f"submitted: {job}; to check it: `headrace audit`; to drain it: `headrace deploy drain`")


def backfill_on_dataflow(settings: Settings, subject: str, files: Sequence[str], mapping: str | None) -> None:
    """Submit a backfill and print its id."""
    require("apache_beam")
    from headrace.deploy.submit import backfill_pipeline_for, submit

    job = submit(backfill_pipeline_for(settings, subject, files, mapping, backfill_flags(settings, subject)))
    say(f"submitted: {job}; it writes all of the files or nothing; to check it: `headrace audit --subject {subject}`")


def _row(change: GraphChange) -> dict[str, Any]:
    return {"step": change.step, "what": change.what, "compatible": change.compatible}
