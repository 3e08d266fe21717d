"""``headrace init``: make a project, and print its files and the next commands."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headrace.cli.commands.init_questions import ask
from headrace.dev.new_project.answers import DEFAULTS, Answers, CompleteAnswers
from headrace.dev.new_project.field_option import parse_field
from headrace.dev.new_project.find_place import place_of
from headrace.dev.new_project.new_contract import ContractWords, NewContract, new_contract
from headrace.dev.new_project.project_files import Place, ProjectFile, project_files
from headrace.dev.new_project.write_project import check_folder, finish_interrupted, write_project
from headrace.util.output import SCHEMA_VERSION, print_json, say
from headrace.util.terminal_columns import counted, print_columns

_NEXT: Final = (
    ("headrace test", "run the cases of the contract"),
    ("headrace up", "local Pub/Sub and BigQuery; its own terminal"),
    ("source .headrace/emulators.env", "in each other terminal"),
    ("headrace provision", "create the topic and the tables"),
    ("headrace run", "the job; its own terminal"),
    ("python producer.py", "publish an event"),
)


@dataclass(frozen=True, slots=True)
class ContractOptions:
    """The options of the contract about which nobody is asked; None where one was not given."""

    doc: str = ""
    owner: str = ""
    table: str | None = None
    event_time: str | None = None
    identity: Sequence[str] | None = None


def init_project(folder: Path, answers: Answers, options: ContractOptions, sure: bool, as_json: bool) -> None:
    """Make a project in *folder*; ask for missing *answers* if somebody is there and not *sure* of the defaults.

    Raises:
        ProjectOptionError: an option is invalid; nothing was written.
        ProjectFolderError: the folder cannot be used; nothing was written.
    """
    place = place_of(folder)
    if finish_interrupted(place.folder):
        say(f"finished the project that an interrupted `headrace init` had begun in {place.folder}; read its README.md")
        if as_json:
            print_json({"schema_version": SCHEMA_VERSION, "folder": str(place.folder), "finished": True})
        return
    if not sure and sys.stdin.isatty() and sys.stderr.isatty():
        check_folder(place.folder, [each.name for each in _files(DEFAULTS, ContractOptions(), place)[1]])
        answers = ask(answers)
    new, files = _files(answers.or_defaults(), options, place)
    write_project(place.folder, files)
    if as_json:
        print_json(_as_dict(new, place, files, folder))
    else:
        _print(new, place, files, folder)


def _files(answers: CompleteAnswers, options: ContractOptions, place: Place) -> tuple[NewContract, list[ProjectFile]]:
    words = ContractWords(
        subject=answers.subject,
        fields=[parse_field(each) for each in answers.fields],
        table=options.table,
        event_time=options.event_time,
        identity=options.identity,
        doc=options.doc,
        owner=options.owner,
    )
    new = new_contract(words)
    return new, project_files(new, answers.project, place, os.urandom)


def _commands(new: NewContract, folder: Path, place: Place) -> list[tuple[str, str]]:
    first = [] if place.folder == Path.cwd() else [(f"cd {shlex.quote(str(folder))}", "")]
    query = shlex.quote(f"SELECT * FROM {new.contract.options.table}")  # noqa: S608 a command to type
    return [*first, *_NEXT, (f"headrace query {query}", "")]


def _print(new: NewContract, place: Place, files: Sequence[ProjectFile], folder: Path) -> None:
    print_columns(("file", "for"), [(each.name, each.purpose) for each in files], shrinking=("for",))
    say(f"{counted(len(files), 'file')} written. {_read_as(new)}")
    say("next:")
    for command, why in _commands(new, folder, place):
        say(f"{command:32}{why and f' # {why}'}".rstrip())
    if place.repository and place.repository != place.folder:
        say(f"this folder is part of the repository {place.repository}: move .github/workflows/headrace.yml there")
    say("README.md has these commands, and what to do with the first dead letter")


def _read_as(new: NewContract) -> str:
    options = new.contract.options
    by = f"identified by {', '.join(options.identity)}" if options.identity else "without an identity"
    return f"Events of {new.subject} are {by}, and happen at {new.event_time}; their table is {options.table}."


def _as_dict(new: NewContract, place: Place, files: Sequence[ProjectFile], folder: Path) -> dict[str, object]:
    options = new.contract.options
    return {
        "schema_version": SCHEMA_VERSION,
        "folder": str(place.folder),
        "finished": False,
        "subject": new.subject,
        "table": options.table,
        "event_time": new.event_time,
        "identity": options.identity,
        "masked": [each.name for each in new.fields if each.mask],
        "files": [{"file": each.name, "for": each.purpose} for each in files],
        "next": [command for command, _ in _commands(new, folder, place)],
    }
