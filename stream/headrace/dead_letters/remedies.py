"""The remedy for each reason: one sentence, and the docs page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from headrace.core.dead_letter import Reason

REMEDIES: Final[Mapping[Reason, str]] = {
    Reason.MALFORMED_ENVELOPE: (
        "Correct the attribute with `headrace dead-letters edit {id} --set-attribute name=value`, replay it, and let "
        "the publisher set it."
    ),
    Reason.UNKNOWN_SCHEMA: (
        "Add the contract that it claims to the job's folder (`headrace contracts import` takes it from a registry), "
        "deploy, and replay it; or choose one that fits with "
        "`headrace dead-letters edit {id} --as SUBJECT:VERSION`."
    ),
    Reason.BLOCKED_SUBJECT: (
        "Correct the contract that the detail names, update the job, and replay it unchanged: the event is valid."
    ),
    Reason.UNDECODABLE_PAYLOAD: (
        "Choose the contract that fits with `headrace dead-letters edit {id} --as SUBJECT:VERSION`, or replace the "
        "whole event with `--payload FILE`; then replay it."
    ),
    Reason.UNREADABLE_REFERENCE: (
        "Name the bucket in the setting large_events, or restore the object that the attribute ce-dataref names; then "
        "replay it. Or give the whole event with `headrace dead-letters edit {id} --payload FILE`."
    ),
    Reason.INVALID_LINE: (
        "The detail names file, line and field: correct the file or the mapping, backfill it again, and discard this "
        "letter; or write the event with `headrace dead-letters edit {id} --payload FILE` and set its attributes."
    ),
    Reason.TOO_LATE: (
        "A replay alone does not help: correct a wrong event time with `headrace dead-letters edit {id} --patch`, "
        "raise late_after in the contract, or discard it."
    ),
    Reason.IN_THE_FUTURE: (
        "A replay alone does not help: correct the event time with `headrace dead-letters edit {id} --patch`, or "
        "raise ahead_at_most in the contract."
    ),
    Reason.TRANSFORM_FAILED: (
        "Correct the contract's function, or the expression that the detail names, deploy, and replay it unchanged. If "
        "the event is wrong, patch it with `headrace dead-letters edit {id} --patch`."
    ),
    Reason.RULE_BROKEN: (
        "The detail names the rule of the contract: correct the event with `headrace dead-letters edit {id} --patch`, "
        "or the rule in the next version of the contract, and deploy it; then replay it. Otherwise discard it."
    ),
    Reason.ID_CONFLICT: (
        "The table has another event with the same id: compare the two, then discard this one, or set a new id with "
        "`headrace dead-letters edit {id} --set-attribute ce-id=...` (a message of another client needs `--as` too)."
    ),
    Reason.REFUSED_BY_BIGQUERY: (
        "Read the detail: run `headrace provision` if the table lacks a column, or patch the field with "
        "`headrace dead-letters edit {id} --patch`; then replay it."
    ),
    Reason.ROW_TOO_LARGE: (
        "Shorten the event with `headrace dead-letters edit {id} --patch` and replay it, or publish it in parts."
    ),
    Reason.UNDELIVERED: (
        "The job failed to acknowledge it in time until Pub/Sub gave up: check that the job runs, then replay it "
        "unchanged."
    ),
    Reason.UNEXPLAINED: (
        "Somebody else published it to the dead-letter topic: ask them, set the attributes of its event with "
        "`headrace dead-letters edit {id} --set-attribute`, or discard it."
    ),
}


def remedy(reason: str, letter_id: str) -> str:
    """Return the remedy for a letter with *reason*."""
    return REMEDIES[_known(reason)].format(id=letter_id[:10])


def state_it(setting: str) -> str:
    """Return the remedy for a payload that the job reads once the contract states a *setting*."""
    return f"{setting[0].upper()}{setting[1:]}; then deploy the contract, and replay the letter unchanged."


def fix_values(wrong: Sequence[str], letter_id: str) -> str:
    """Return the remedy for a payload in which only the values at *wrong* cannot be read."""
    named = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
    edit = f"headrace dead-letters edit {letter_id[:10]}"
    if len(wrong) == 1 and "[" not in wrong[0]:
        before, after = "".join(f'{{"{name}": ' for name in wrong[0].split(".")), "}" * (wrong[0].count(".") + 1)
        edit = f"{edit} --patch '{before}...{after}'"
    return f"Everything but {named} can be read: correct it with `{edit}`, then replay it."


def page(reason: str) -> str:
    """Return the docs page of a reason."""
    return f"docs/dead-letters/{_known(reason)}.md"


def _known(reason: str) -> Reason:
    return Reason(reason) if reason in Reason.__members__.values() else Reason.UNEXPLAINED
