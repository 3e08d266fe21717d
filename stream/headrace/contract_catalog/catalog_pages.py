"""The pages of a catalogue, each whole in one file: an index of the subjects, and a page for each of them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headrace.contract_catalog.asyncapi import asyncapi_document
from headrace.contract_catalog.example_event import example_event
from headrace.contract_view.diff_contracts import diff_contracts
from headrace.contract_view.diff_lines import diff_json
from headrace.contract_view.field_views import event_fields
from headrace.contract_view.show_contract import contract_json
from headrace.contract_view.subjects import Subject, listed
from headrace.util.terminal_safe import safe

INDEX: Final = "index.html"
ASYNCAPI: Final = "asyncapi.json"
SUBJECTS: Final = "subjects"  # the folder of the pages of subjects
MARK: Final = '<meta name="generator" content="headrace contracts catalog">'  # in page.html, near its beginning
_TEMPLATES: Final = Path(__file__).with_name("templates")


def catalog(subjects: Sequence[Subject], title: str) -> dict[str, str]:
    """Return the text of each file of a catalogue by its path; the same contracts give the same texts."""
    pages = _Pages(title)
    document = json.dumps(asyncapi_document(subjects, title), indent=2, ensure_ascii=False)
    readable = [each for each in subjects if each.versions]
    return {
        INDEX: pages.index(subjects),
        ASYNCAPI: f"{document}\n",
        **{page_of(each): pages.subject(each) for each in readable},
    }


def page_of(subject: Subject) -> str:
    """Return the path of the page of a subject."""
    return f"{SUBJECTS}/{subject.name}.html"


class _Pages:
    """Templates, and what all pages have. Every text is escaped, except the style and the script."""

    def __init__(self, title: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            finalize=_readable,
        )
        style, script = ((_TEMPLATES / name).read_text() for name in ("catalog.css", "search.js"))
        self._shared = {
            "title": title,
            "style": style,
            "script": script,
            "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        }

    def index(self, subjects: Sequence[Subject]) -> str:
        rows = [listed(each) | _links(each) for each in subjects]
        return self._templates.get_template("index.html").render(self._shared, rows=rows)

    def subject(self, subject: Subject) -> str:
        versions = [contract_json(subject, each) for each in reversed(subject.versions)]
        example = json.dumps(example_event(subject.newest.record), indent=2, ensure_ascii=False)
        return self._templates.get_template("subject.html").render(
            self._shared,
            newest=versions[0],
            older=versions[1:],
            doc=subject.newest.doc,
            example=example,
            changes=[*_changes(subject)],
        )


def _links(subject: Subject) -> dict[str, Any]:
    """Return the page of a subject, its description, and the words by which it is found."""
    if not subject.versions:
        return {"page": "", "doc": "", "words": subject.name.lower()}
    newest = subject.newest
    words = (subject.name, newest.options.table, newest.doc, *(each.field for each in event_fields(newest)))
    return {"page": page_of(subject), "doc": newest.doc, "words": " ".join(words).lower()}


def _changes(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield what each version changes, the newest first."""
    versions = subject.versions
    for index in range(len(versions) - 1, 0, -1):
        old, new = versions[index - 1], versions[index]
        yield diff_json(diff_contracts(old, new, versions[:index], versions[: index + 1]))


def _readable(value: Any) -> Any:
    """Return a text without characters that change how others are shown; lines stay lines."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # escaped already, or no text of a contract
        return value
    return "\n".join(map(safe, value.split("\n")))


def _hash(text: str) -> str:
    """Return the source expression of a content security policy that admits *text* alone."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
