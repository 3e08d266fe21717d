"""New projects for tests: their files, without a place of their own on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from headrace.dev.new_project.field_option import EXAMPLES, parse_field
from headrace.dev.new_project.new_contract import ContractWords, new_contract
from headrace.dev.new_project.project_files import Place, ProjectFile, project_files

PLACE: Final = Place(Path("/srv/events"), None, "/srv/events/.venv/bin/headrace", "ada", "1000:1000", "3.11", "0.1.0")


def files_of(*fields: str, subject: str = "order_placed", place: Place = PLACE, **more: Any) -> list[ProjectFile]:
    """The files of a project; every key is zeros."""
    words = ContractWords(subject, [parse_field(each) for each in fields or EXAMPLES], **more)
    return project_files(new_contract(words), "my-project", place, bytes)


def text_of(files: list[ProjectFile], name: str) -> str:
    return next(each for each in files if each.name == name).content.decode()
