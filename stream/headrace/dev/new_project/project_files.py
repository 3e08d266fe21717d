"""The files of a new project, as text; writes nothing."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headrace.config.secrets import KEY_BYTES
from headrace.dev.new_project.case_text import case_text
from headrace.dev.new_project.new_contract import NewContract
from headrace.dev.new_project.producer_text import event_in_python, imports

_TEMPLATES: Final = Path(__file__).parent / "templates"
_SUFFIX: Final = ".template"
_DOCS: Final = "https://github.com/headrace/headrace/blob/main/docs"
_WORKFLOW: Final = ".github/workflows/headrace.yml"
MASKING_KEY: Final = "masking.key"
ARCHIVE_KEY: Final = "archive.key"


class _Template(string.Template):
    """A template whose places are ``@@{name}``: YAML, shells and systemd use the dollar themselves."""

    delimiter = "@@"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project is made: its *folder* and the *repository* around it, *program*, *user* and the versions."""

    folder: Path
    repository: Path | None
    program: str
    user: str
    ids: str
    python: str
    version: str


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file, what it is for, and whether only its owner may read it."""

    name: str
    purpose: str
    content: bytes = field(repr=False)
    secret: bool = False


def project_files(new: NewContract, project: str, place: Place, random: Callable[[int], bytes]) -> list[ProjectFile]:
    """Return all files of a project; *random* makes the keys."""
    keys = [*_keys(new, random)]
    texts = [*_texts(new, project, place, keys)]
    files = [ProjectFile(name, purpose, text.encode()) for name, purpose, text in texts] + keys
    readme = _filled(
        "README.md",
        subject=new.subject,
        table=new.contract.options.table,
        event_time=new.event_time,
        docs=_DOCS,
        files="\n".join(f"| `{each.name}` | {each.purpose} |" for each in files),
    )
    return [*files, ProjectFile("README.md", "how to run all of this", readme.encode())]


def _keys(new: NewContract, random: Callable[[int], bytes]) -> Iterator[ProjectFile]:
    if new.makes_tokens:
        what = "the key of tokens; keep a copy"
        yield ProjectFile(MASKING_KEY, what, random(KEY_BYTES), secret=True)
    what = "the key of dead letters; keep a copy"
    yield ProjectFile(ARCHIVE_KEY, what, random(KEY_BYTES), secret=True)


def _texts(new: NewContract, project: str, place: Place, keys: list[ProjectFile]) -> Iterator[tuple[str, str, str]]:
    subject, names = new.subject, {"subject": new.subject, "python": place.python}
    yield f"contracts/{subject}.v1.avsc", "the contract: fields, table, masks", new.text
    yield f"contracts/{subject}.test.yaml", "its cases", case_text(new)
    settings = _filled("headrace.toml", project=project, keys=_settings(keys))
    yield "headrace.toml", "settings of job and producer", settings
    yield "producer.py", "publishes one event", _producer(new)
    yield "tests/test_producer.py", "the producer's tests", _filled("test_producer.py", subject=subject)
    yield "pytest.ini", "where pytest finds tests", _filled("pytest.ini")
    yield "requirements.txt", "what the job and the producer need", _filled("requirements.txt", version=place.version)
    yield "requirements-dev.txt", "what trying and testing needs", _filled("requirements-dev.txt")
    yield _WORKFLOW, "the tests, on each push to GitHub", _filled("workflow.yml", **names, **_of_repository(place))
    yield "compose.yaml", "the job in a container", _filled("compose.yaml", **names, user=place.ids)
    yield "headrace.service", "the job under systemd", _service(subject, place)
    yield ".gitignore", "what never to commit: keys, journal", _filled("gitignore")


def _filled(name: str, **values: str) -> str:
    return _Template((_TEMPLATES / f"{name}{_SUFFIX}").read_text("utf-8")).substitute(values)


def _producer(new: NewContract) -> str:
    event = event_in_python(new, " " * 12)
    return _filled("producer.py", subject=new.subject, event=event, imports=imports(new, ("UTC", "datetime")))


def _settings(keys: list[ProjectFile]) -> str:
    lines = {
        MASKING_KEY: f'masking_key_file = "{MASKING_KEY}" # tokens depend on it: keep a copy, never commit it\n',
        ARCHIVE_KEY: f'archive_key_file = "{ARCHIVE_KEY}" # opens dead letters; `headrace run` collects them with it\n',
    }
    return "".join(lines[each.name] for each in keys)


def _of_repository(place: Place) -> Mapping[str, str]:
    """Return the lines of a workflow in a folder of a repository, because GitHub reads only those at its root."""
    if place.repository is None or place.repository == place.folder:
        return {"place": "", "folder": ""}
    inner = place.folder.relative_to(place.repository).as_posix()
    quoted = '"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {
        "place": f"# GitHub reads it at the root of the repository: move it there, to {_WORKFLOW}.\n",
        "folder": f"    defaults:\n      run:\n        working-directory: {quoted}\n",
    }


def _service(subject: str, place: Place) -> str:
    return _filled(
        "headrace.service",
        subject=subject,
        unit=subject.replace("_", "-"),
        user=place.user,
        folder=_in_unit(str(place.folder)),
        program=f'"{_in_unit(place.program, quoted=True)}"',
    )


def _in_unit(path: str, *, quoted: bool = False) -> str:
    r"""Return a path as systemd reads it: ``%`` begins a specifier; within quotes, ``\``, ``"`` and ``$`` count too.

    >>> _in_unit("/srv/100%/it's", quoted=True), _in_unit('/a "$b"', quoted=True)
    ("/srv/100%%/it's", '/a \\"$$b\\"')
    """
    path = path.replace("%", "%%")
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") if quoted else path
