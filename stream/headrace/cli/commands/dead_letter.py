"""``headrace dead-letters show``: print one letter with all the facts that an operator needs to handle it."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from typing import Any, Final

from headrace.cli.commands.dead_letters_history import letter_history, print_history
from headrace.config.registry_access import ask_for_ids
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.console.letters_access import letters_of
from headrace.dead_letters.ages import age
from headrace.dead_letters.explanation import DecodeCheck, Explanation, Nearest, Stop
from headrace.dead_letters.hexdump import hexdump
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.letter_details import LetterDetails, details_of
from headrace.dead_letters.remedies import fix_values, page, remedy, state_it
from headrace.dead_letters.service import LetterService
from headrace.schemas.envelope import to_rfc3339
from headrace.util.output import check_format, print_json, say
from headrace.util.terminal_columns import cut, print_labelled, width
from headrace.util.terminal_safe import safe

MOST_FIELDS: Final = 40


def show_letter(settings: Settings, letter_id: str, reveal: bool, why: str, format_: str) -> None:
    """Print one letter. With *reveal*, record the command and then print personal values, too."""
    check_format(format_)
    if format_ == "ndjson":
        format_ = "json"
    registry = served(settings)
    ask_for = ask_for_ids(settings.schema_registry, registry)
    with letters_of(settings) as service:
        letter = service.find_one(letter_id)
        shown = details_of(service, letter, registry, reveal=reveal, why=why, ask_for=ask_for)
    if format_ == "json":
        print_json(_as_dict(shown, reveal))
    else:
        _print(service, shown, reveal)


def _print(service: LetterService, shown: LetterDetails, reveal: bool) -> None:
    letter, explanation = shown.archived.refused, shown.explanation
    since = age(letter.refused_at, service.clock())
    print_labelled("letter", f"{letter.id}: {shown.archived.state}, attempt {letter.attempt}, refused {since} ago")
    print_labelled("reason", f"{letter.reason}{f' at {letter.stage}' if letter.stage else ''}")
    print_labelled("detail", letter.detail)
    print_labelled("refused", _refused(letter))
    print_labelled("subject", f"{letter.subject or '(unknown)'}, from {letter.source_subscription or '(unknown)'}")
    print_labelled("published", _published(letter))
    for label, text in _contracts(explanation):
        print_labelled(label, text)
    _print_attributes(shown, reveal)
    _print_fields(explanation)
    _print_bytes(shown, reveal)
    sys.stdout.write("\n")
    print_history(letter_history(shown.attempts, shown.facts))
    sys.stdout.write("\n")
    if shown.edited is not None:
        print_labelled("edited", _decoded(shown.edited))
    print_labelled("next", _next(shown))
    print_labelled("", page(letter.reason))
    if not reveal and _hides(explanation):
        say('personal values are hidden; --reveal --why "..." shows them, and is recorded')


def _refused(letter: Letter) -> str:
    by = f", by {letter.pipeline} {letter.version}" if letter.pipeline else ""
    return to_rfc3339(letter.refused_at) + by


def _published(letter: Letter) -> str:
    first = letter.first_published_at
    again = f", first {to_rfc3339(first)}" if first != letter.published_at else ""
    return f"{to_rfc3339(letter.published_at)}{again}, message {letter.message_id}"


def _next(shown: LetterDetails) -> str:
    letter = shown.archived.refused
    if (state := shown.archived.state) != "open":
        return f"Nothing: it is {state}. To change that, run `headrace dead-letters reopen {letter.id[:10]}`."
    check = shown.edited or shown.explanation.would_decode
    if shown.edited is not None and check.accepted:
        return f"Replay it: `headrace replay {letter.id[:10]}`."
    if letter.reason in _DECODED and check.accepted:
        return f"The job can read it now: `headrace replay {letter.id[:10]}`."
    nearest = shown.explanation.nearest
    if shown.explanation.setting.startswith("write ") and not check.accepted:
        return state_it(shown.explanation.setting)
    if shown.explanation.wrong and not (nearest and nearest.stop is None):
        return fix_values(shown.explanation.wrong, letter.id)
    fits = nearest.contract if nearest is not None and nearest.stop is None else "SUBJECT:VERSION"
    return remedy(letter.reason, letter.id).replace("SUBJECT:VERSION", fits)


_DECODED: Final = ("malformed_envelope", "unknown_schema", "undecodable_payload")


def _contracts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    if explanation.envelope is not None:
        yield "envelope", f"{explanation.envelope.attribute} {explanation.envelope.why}"
    if explanation.declared:
        yield "declared", explanation.declared
    if explanation.claimed is None:
        yield "claims", _unclaimed(explanation)
    elif explanation.known:
        yield "claims", f"{explanation.claimed}, which {_stops(explanation.stop)}"
    else:
        yield "claims", f"{explanation.claimed}, which is unknown here"
    nearest = explanation.nearest
    if nearest is not None and nearest.contract != explanation.claimed:
        yield "nearest", _nearest(nearest)
    if explanation.looks_like:
        yield "looks like", explanation.looks_like
    if explanation.setting:
        yield "setting", explanation.setting
    yield "today", _decoded(explanation.would_decode)


def _unclaimed(explanation: Explanation) -> str:
    if explanation.unclaimed:
        return f"no contract: {explanation.unclaimed}"
    return f"no contract; payload{_place(explanation.stop)}" if explanation.stop else "no contract that can be read"


def _decoded(check: DecodeCheck) -> str:
    return "decode accepts it" if check.accepted else f"decode refuses it: {check.detail}"


def _nearest(nearest: Nearest) -> str:
    if nearest.stop is None:
        return f"{nearest.contract}, which reads all {nearest.fields} fields"
    return f"{nearest.contract}: {nearest.fields_read} of {nearest.fields} fields; it {_stops(nearest.stop)}"


def _stops(stop: Stop | None) -> str:
    if stop is None:
        return "reads all of it"
    where = f"stops at {stop.path}" if stop.path else "refuses it"
    return where + _place(stop)


def _place(stop: Stop) -> str:
    return ("" if stop.offset is None else f", byte {stop.offset:,}") + f": {stop.why}"


def _print_attributes(shown: LetterDetails, reveal: bool) -> None:
    letter = shown.archived.refused
    if letter.attributes or letter.ordering_key:
        sys.stdout.write("\n")
    names = sorted(letter.attributes, key=lambda name: (name not in shown.open_attributes, name))
    for name in names[:MOST_FIELDS]:
        value = letter.attributes[name]
        seen = reveal or name in shown.open_attributes
        _line(name, value if seen else f"({len(value.encode()):,} bytes)")
    if len(names) > MOST_FIELDS:
        sys.stdout.write(f"... and {len(names) - MOST_FIELDS:,} more attributes\n")
    if letter.ordering_key:
        key = letter.ordering_key
        _line("ordering key", key if reveal else f"({len(key.encode()):,} bytes)")


def _line(name: str, text: str, column: int = 30) -> None:
    label = cut(safe(name), column - 2)
    sys.stdout.write(f"{label:<{column}}{cut(safe(text), width() - column)}".rstrip() + "\n")


def _print_fields(explanation: Explanation) -> None:
    fields, stop = explanation.fields, explanation.marked
    if not fields:
        return
    count = f"{len(fields) + explanation.fields_left_out:,} values, read as {explanation.read_as}"
    if all(each.hidden for each in fields):
        sys.stdout.write(f"\n{count}: all hidden, {fields[0].hidden.removeprefix('hidden: ')}\n")
        return
    sys.stdout.write(f"\n{count}, each with the byte where it begins\n")
    shown = fields[:MOST_FIELDS] if stop is None else fields[-MOST_FIELDS:]
    left = len(fields) + explanation.fields_left_out - len(shown)
    if left and stop is not None:
        sys.stdout.write(f"   ... {left:,} before these\n")
    for each in shown:
        _line(f"{each.start:>6} {each.path}", each.text, 38)
    if left and stop is None:
        sys.stdout.write(f"   ... {left:,} after these; --json has more\n")
    if stop is not None and stop.path:
        _line(f"{'' if stop.offset is None else stop.offset:>6} {stop.path}", f"<- {stop.why}", 38)


def _print_bytes(shown: LetterDetails, reveal: bool) -> None:
    """Print the bytes around the stop, if there is a stop and some of the bytes may be shown."""
    payload, explanation = shown.payload, shown.explanation
    sys.stdout.write(f"\n{explanation.bytes:,} bytes")
    if explanation.unpacked is not None:
        sys.stdout.write(f", of which envelope, base64 and compression leave these {explanation.unpacked:,}")
    sys.stdout.write("\n")
    stops = explanation.marked is not None or not explanation.fields
    seen = reveal or any(not each.hidden for each in explanation.fields)
    if payload and (reveal or (stops and seen)):
        sys.stdout.write(hexdump(payload, explanation, reveal=reveal) + "\n")


def _hides(explanation: Explanation) -> bool:
    return any(each.hidden for each in explanation.fields) or not explanation.fields


def _as_dict(shown: LetterDetails, reveal: bool) -> dict[str, Any]:
    letter = shown.archived.refused
    columns = {
        name: getattr(letter, name) for name in Letter.__slots__ if name not in ("data", "attributes", "ordering_key")
    }
    printed = {
        **{name: to_rfc3339(value) if name.endswith("_at") else value for name, value in columns.items()},
        "state": shown.archived.state,
        "attributes": {
            name: value if reveal or name in shown.open_attributes else None
            for name, value in letter.attributes.items()
        },
        "explanation": shown.explanation.to_json(),
        "edited": None if shown.edited is None else {"accepted": shown.edited.accepted, "detail": shown.edited.detail},
        "history": [each | {"when": to_rfc3339(each["when"])} for each in letter_history(shown.attempts, shown.facts)],
        "next": _next(shown),
        "page": page(letter.reason),
    }
    if reveal:
        printed |= {"data": base64.b64encode(letter.data).decode(), "ordering_key": letter.ordering_key}
    return {"schema_version": 1, "letter": printed}
