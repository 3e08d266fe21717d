"""The questions of ``headrace init``: an answer that breaks a rule is asked for again, with the rule."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import typer

from headrace.dev.new_project.answers import DEFAULTS, Answers, check_project
from headrace.dev.new_project.field_option import GRAMMAR, TYPES, parse_field
from headrace.dev.new_project.new_contract import ContractWords, check_subject, new_contract
from headrace.dev.new_project.project_errors import ProjectOptionError
from headrace.util.output import say

_BEGIN: Final = "Enter takes what is in brackets. Nothing is written before the last answer; Ctrl-C leaves."
_FIELDS: Final = f"Fields, one a line: {GRAMMAR}. Types: {', '.join(TYPES)}. An empty line ends them."


def ask(given: Answers) -> Answers:
    """Ask for the answers that are not *given*.

    Raises:
        KeyboardInterrupt: Ctrl-C, or the end of stdin.
    """
    try:
        if given.subject is None or not given.fields or given.project is None:
            say(_BEGIN)
        subject = given.subject
        if subject is None:
            subject = _asked("Name of the event", DEFAULTS.subject, lambda answer: str(check_subject(answer).subject))
        fields = given.fields or _ask_fields(subject)
        project = given.project
        if project is None:
            project = _asked("Google Cloud project", DEFAULTS.project, check_project)
        return Answers(subject, fields, project)
    except typer.Abort:
        sys.stderr.write("\n")
        say("nothing was written")
        raise KeyboardInterrupt from None


def _ask_fields(subject: str) -> tuple[str, ...]:
    say(f"{_FIELDS} An empty first line takes {', '.join(DEFAULTS.fields)}.")
    fields: tuple[str, ...] = ()

    def check(answer: str) -> str:
        if answer:
            new_contract(ContractWords(subject, [parse_field(each) for each in (*fields, answer)]))
        return answer

    while answer := _asked("field", "", check):
        fields += (answer,)
    return fields or DEFAULTS.fields


def _asked(question: str, default: str, check: Callable[[str], str]) -> str:
    """Ask until *check* accepts the answer."""
    while True:
        try:
            answer = typer.prompt(question, default=default, show_default=bool(default), err=True)
            return check(str(answer).strip())
        except ProjectOptionError as error:
            say(f"  {error.why}; {error.remedy}")
        except UnicodeDecodeError:
            say("  not UTF-8 text; type it again")
