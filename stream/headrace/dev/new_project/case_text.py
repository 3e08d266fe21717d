"""The file of cases of a new contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headrace.dev.new_project.new_contract import NewContract
from headrace.dev.new_project.sample_values import HAPPENED, NOW, TOO_LATE, in_masks, sample_of

_HEAD = """\
# What the job makes of {subject}: `headrace test` runs these cases, and so does pytest.
# docs/contract-tests.md of Headrace describes the form. Add a case whenever you change the contract.
subject: {subject}
now: {now}
cases:
"""


def case_text(new: NewContract) -> str:
    """Return the file: a row with its masks, a duplicate, a late event, and bytes that are no event."""
    return (
        _HEAD.format(subject=new.subject, now=NOW)
        + "\n\n".join("\n".join(lines) for lines in (_stored(new), _duplicate(new), _late(new), _unreadable()))
        + "\n"
    )


def _stored(new: NewContract) -> Iterator[str]:
    personal = [each for each in new.fields if in_masks(each)]
    yield f"  - name: an event becomes a row{' with masked personal data' if personal else ''}"
    yield "    given:"
    yield "      - event: &event"
    yield from (f"          {name}: {value}" for name, value in _values(new))
    yield "    expect:"
    yield "      rows:"
    columns = [*_columns(new)]
    yield from (f"        {'-' if place == 0 else ' '} {line}" for place, line in enumerate(columns))
    if personal:
        yield "      masks:"
        yield from (f"        {each.name}: {each.mask}" for each in personal)


def _duplicate(new: NewContract) -> Iterator[str]:
    yield "  - name: an event that is published twice is one row"
    yield "    given:"
    # Without an identity in the contract, an application that publishes again has to give the same id.
    twice = "event: *event" if new.contract.options.identity else "{event: *event, id: e-1}"
    yield from [f"      - {twice}"] * 2
    yield from ("    expect:", "      rows: 1", "      duplicates: 1")


def _late(new: NewContract) -> Iterator[str]:
    yield "  - name: an event of last year is too late"
    yield "    given:"
    yield f"      - event: {{<<: *event, {new.event_time}: {TOO_LATE}}}"
    yield from _letters("too_late")


def _unreadable() -> Iterator[str]:
    yield "  - name: bytes that are no event become a dead letter"
    yield "    given:"
    yield "      - hex: 00 ff"
    yield from _letters("undecodable_payload")


def _letters(reason: str) -> Iterable[str]:
    return "    expect:", "      letters:", f"        - reason: {reason}"


def _values(new: NewContract) -> Iterator[tuple[str, str]]:
    for each in new.fields:
        yield each.name, HAPPENED if each.name == new.event_time else sample_of(each).yaml


def _columns(new: NewContract) -> Iterator[str]:
    event_time = new.event_time
    for each in new.fields:
        stored = HAPPENED if each.name == event_time else sample_of(each).stored
        if stored is not None:
            yield f"{each.name}: {stored}"
