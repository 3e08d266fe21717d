"""References to secrets in a TOML file: the name of an environment variable or of a file, never the secret itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from headrace.config.file_model import FileModel, Key, wrong
from headrace.config.toml_file import TomlFile

_REFERENCE: Final = '{ env = "NAME" } or { file = "/run/secrets/name" }'


class ReferenceTable(FileModel):
    """A reference to a secret: *env* or *file*."""

    env: str | None = Field(None, min_length=1, description='"NAME"')
    file: str | None = Field(None, min_length=1, description='"/run/secrets/name"')

    @model_validator(mode="after")
    def _is_one_reference(self) -> ReferenceTable:
        if len(self.model_fields_set) != 1:
            raise wrong("not exactly one reference", f"write {_REFERENCE}")
        return self


def _a_table(given: Any) -> Any:
    if not isinstance(given, dict):
        raise wrong("a secret must not be in this file", f"write a reference to it: {_REFERENCE}")
    return given


Reference = Annotated[ReferenceTable, BeforeValidator(_a_table)]


def resolve(file: TomlFile, key: Key, reference: ReferenceTable) -> str:
    """Return the secret to which *reference* refers; *key* is its place in *file*, for errors.

    Raise the error of *file* if the environment variable or the other file does not exist or is empty.
    """
    if reference.file is not None:
        return _text_of(file, (*key, "file"), Path(reference.file))
    name = reference.env or ""
    value = os.environ.get(name, "")
    if not value:
        raise file.error((*key, "env"), f"no environment variable {name}", f"set {name} before the command runs")
    return value


def _text_of(file: TomlFile, key: Key, path: Path) -> str:
    try:
        value = path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise file.error(key, f"{path}: cannot be read ({type(error).__name__})", "name a text file") from None
    if not value:
        raise file.error(key, f"{path}: empty", "write the secret into it")
    return value
