"""What to do about each reason: one sentence, and the page that says more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from headrace.core.dead_letter import Reason

NEXT: Final[Mapping[Reason, str]] = {
    Reason.MALFORMED_ENVELOPE: (
        "Mend the attribute with `headrace dead-letters edit {id} --set-attribute name=value`, replay it, and have the "
        "publisher use the SDK."
    ),
    Reason.UNKNOWN_SCHEMA: (
        "Add the contract that it claims to the job's folder and deploy, then replay it; or give it one that fits with "
        "`headrace dead-letters edit {id} --as SUBJECT:VERSION`."
    ),
    Reason.BLOCKED_SUBJECT: (
        "Correct the contract that the detail names, update the job, and replay it as it is: nothing is wrong with the "
        "event."
    ),
    Reason.UNDECODABLE_PAYLOAD: (
        "Give it the contract that fits with `headrace dead-letters edit {id} --as SUBJECT:VERSION`, or the whole "
        "event with `--payload FILE`; then replay it."
    ),
    Reason.INVALID_LINE: (
        "The detail names file, line and field: mend the file or the mapping and backfill it again, then discard this; "
        "or write the event with `headrace dead-letters edit {id} --payload FILE` and the envelope's attributes."
    ),
    Reason.TOO_LATE: (
        "Replaying alone cannot help: mend a wrong event time with `headrace dead-letters edit {id} --patch`, allow "
        "more with late_after in the contract, or discard it."
    ),
    Reason.IN_THE_FUTURE: (
        "Replaying alone cannot help: mend the event time with `headrace dead-letters edit {id} --patch`, or allow "
        "more with ahead_at_most in the contract."
    ),
    Reason.TRANSFORM_FAILED: (
        "Mend the contract's function, or the expression that the detail speaks of, and deploy; then replay it as it "
        "is. If the event is at fault, patch it with `headrace dead-letters edit {id} --patch`."
    ),
    Reason.ID_CONFLICT: (
        "Another event with the same id is in the table: compare the two, then discard this one or give it an id of "
        "its own with `headrace dead-letters edit {id} --set-attribute ce-id=...`."
    ),
    Reason.REFUSED_BY_BIGQUERY: (
        "Read the detail: provision the table if it lacks a column, or patch the field with "
        "`headrace dead-letters edit {id} --patch`; then replay it."
    ),
    Reason.ROW_TOO_LARGE: (
        "Shorten the event with `headrace dead-letters edit {id} --patch` and replay it, or have it published in parts."
    ),
    Reason.UNDELIVERED: (
        "The job did not acknowledge it in time, often enough for Pub/Sub to give up: see that the job runs, then "
        "replay it as it is."
    ),
    Reason.UNEXPLAINED: (
        "Somebody else published it to the dead-letter topic: ask them, set who its event is with "
        "`headrace dead-letters edit {id} --set-attribute`, or discard it."
    ),
}


def next_step(reason: str, letter_id: str) -> str:
    """What to do about a letter of *reason*: one sentence."""
    return NEXT[_known(reason)].format(id=letter_id[:10])


def mend_values(wrong: Sequence[str], letter_id: str) -> str:
    """What to do about a payload of which only the values at *wrong* cannot be read."""
    named = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
    edit = f"headrace dead-letters edit {letter_id[:10]}"
    if len(wrong) == 1 and "[" not in wrong[0]:
        before, after = "".join(f'{{"{name}": ' for name in wrong[0].split(".")), "}" * (wrong[0].count(".") + 1)
        edit = f"{edit} --patch '{before}...{after}'"
    return f"Everything but {named} can be read: say what it should be with `{edit}`; then replay it."


def page(reason: str) -> str:
    """The page of the docs that says what the reason means."""
    return f"docs/dead-letters/{_known(reason)}.md"


def _known(reason: str) -> Reason:
    return Reason(reason) if reason in Reason.__members__.values() else Reason.UNEXPLAINED
