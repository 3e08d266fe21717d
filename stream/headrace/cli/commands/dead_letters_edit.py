"""``headrace dead-letters edit``: change letters in an editor or by a patch, after showing the changes and asking."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.console.editor import edited, find_editor
from headrace.console.letters_access import chosen, confirmed, letters_of
from headrace.console.shown_plan import showing_plan
from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.bulk_edit import BulkEdit, apply_edit, plan_edit
from headrace.dead_letters.differences import Difference
from headrace.dead_letters.edit_event import LetterChange
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.merge_patch import EditError, assignments, read_object
from headrace.dead_letters.readable_event import readable_as
from headrace.dead_letters.service import SHORT, ChoiceError, LetterService
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Registry
from headrace.util.output import say
from headrace.util.terminal_columns import counted, print_labelled
from headrace.util.terminal_safe import safe

OPEN: Final = ("open",)
MOST_DIFFERENCES: Final = 20


@dataclass(frozen=True, slots=True)
class EditRequest:
    """The options of ``headrace dead-letters edit``, not yet read or checked."""

    patch: str | None = field(default=None, repr=False)
    payload: Path | None = None
    set_attributes: Sequence[str] = field(default=(), repr=False)
    unset_attributes: Sequence[str] = ()
    read_as: str | None = None

    def change(self) -> LetterChange:
        """Read the files and texts of the options, and return the change.

        Raises:
            EditError: an option has an invalid value.
        """
        if self.patch is not None and self.payload is not None:
            raise EditError("--patch, --payload: use one of them")
        return LetterChange(
            patch=None if self.patch is None else read_object(_text_of(self.patch), "--patch"),
            payload=None if self.payload is None else read_object(_file(self.payload, "--payload"), "--payload"),
            set_attributes=dict(assignments(self.set_attributes)),
            unset_attributes=tuple(self.unset_attributes),
            read_as=None if self.read_as is None else _reference(self.read_as),
        )


def edit_letters(settings: Settings, wanted: Filter, request: EditRequest, why: str, sure: bool, reveal: bool) -> None:
    """Change the chosen letters; if the options change nothing, open the one letter in an editor."""
    change, registry = request.change(), served(settings)
    with letters_of(settings) as service:
        letters = chosen(service, wanted, OPEN, "edit")
        if change.is_empty:
            change = _edited(service, letters, registry, why)
        planned = plan_edit(service, letters, change, registry, reveal=reveal)
        if reveal:
            service.record_reveal([each for each in planned.letters if each.letter_id in planned.examples], why)
        if not planned.letters and len(planned.refused) <= 1:
            raise EditError(_none(letters, planned))
        agreed = sure or (len(letters) == 1 and bool(wanted.ids))
        with showing_plan(agreed):
            _show(planned)
        if not planned.letters:
            raise EditError(_none(letters, planned))
        if not confirmed(f"edit {counted(len(planned.letters), 'letter')}?", agreed):
            say("nothing is changed")
            return
        count = apply_edit(service, planned.letters, change, registry, wanted, why)
        say(f"edited {counted(count, 'letter')}; the archive keeps the original beside the edit")
        say(
            f"next: `headrace replay {planned.letters[0].letter_id[:SHORT]}`"
            if count == 1
            else "next: `headrace replay`"
        )


def _edited(service: LetterService, letters: Sequence[LetterSummary], registry: Registry, why: str) -> LetterChange:
    """Open the event in an editor, and return the change.

    Raises:
        ChoiceError: there are several letters, or a piece of the letter is not collected yet.
        EditError: the letter cannot be read, or the saved file is not an event.
        EditorError: the editor cannot be used.
    """
    if len(letters) != 1:
        raise ChoiceError("several letters and no change: use --patch, --set-attribute, --unset-attribute or --as")
    if letters[0].state is not State.OPEN:
        raise EditError(
            f"it is {letters[0].state}; run `headrace dead-letters reopen {letters[0].letter_id[:SHORT]}` first"
        )
    archived = next(service.read(letters), None)
    if archived is None:
        raise ChoiceError(f"{letters[0].letter_id}: not completely collected yet; try again in a minute")
    found, editor = readable_as(archived.current, registry), find_editor()
    service.record_reveal(letters, why or "opened in an editor")
    text = edited(json.dumps(found.event, indent=2) + "\n", editor)
    return LetterChange(payload=read_object(text, "the editor's file"))


def _show(planned: BulkEdit) -> None:
    for letter_id, lines in planned.examples.items():
        sys.stdout.write(f"{letter_id[:SHORT]}\n")
        for each in lines[:MOST_DIFFERENCES]:
            _print_difference(each)
        if len(lines) > MOST_DIFFERENCES:
            sys.stdout.write(f"  ... and {len(lines) - MOST_DIFFERENCES:,} more\n")
    sys.stdout.flush()
    more = len(planned.letters) - len(planned.examples)
    if more > 0:
        say(f"and {counted(more, 'more letter')}")
    for why, count in sorted(planned.refused.items(), key=lambda each: -each[1])[:5]:
        say(safe(f"not {counted(count, 'letter')}: {why}"))


def _print_difference(each: Difference) -> None:
    print_labelled(f"  {safe(each.what)}", "", len(each.what) + 3)
    print_labelled("    -", each.before, 6)
    print_labelled("    +", each.after, 6)


def _none(letters: Sequence[LetterSummary], planned: BulkEdit) -> str:
    if not letters:
        return "no open letter matches; `headrace dead-letters list` lists the open ones"
    if len(planned.refused) == 1:
        return f"nothing is changed: {next(iter(planned.refused))}"
    return "nothing is changed: the change fits none of the letters"


def _text_of(given: str) -> str:
    """Return the text of a patch; *given* is JSON, or the name of a file."""
    return given if given.lstrip().startswith(("{", "[")) else _file(Path(given), "--patch")


def _file(path: Path, option: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EditError(
            f"{option} {path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})"
        ) from None


def _reference(text: str) -> SchemaRef:
    subject, dot, version = text.rpartition(".v")
    try:
        return SchemaRef.parse(f"headrace:{subject}:{version}" if dot else f"headrace:{text.removeprefix('headrace:')}")
    except ValueError:
        raise EditError("--as: invalid; write SUBJECT:VERSION, such as booking_created:2") from None
