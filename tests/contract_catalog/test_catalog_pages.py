"""Pages of a catalogue: whole, the same each time, and never more than text where a contract has text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from headrace.contract_catalog.catalog_pages import ASYNCAPI, INDEX, MARK, catalog
from headrace.contract_view.subjects import Subject, subjects_of
from headrace.schemas.registry import Contract, read_folder
from headrace.schemas.samples import SAMPLES
from tests.support.builders import a_contract, a_record
from tests.support.contract_folders import write_version
from tests.support.growth import assert_linear
from tests.support.strategies import FIXED_PROFILE, contracts

N = ("n", "int")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'--></style></script><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "javascript:alert(1)",
]
SHOWN = [
    "passengers.birth_date",
    "birth_date: generalise, to month",
    "NUMERIC(38, 9)",
    "not stored",
    "created_at",
    "Version 1 to 2",
    "ALTER TABLE `bookings` ADD COLUMN",
    "Somebody to call",
    '"currency": "currency"',
]


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.open.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.scripts.append(data)
        else:
            self.text += data


def samples() -> list[Subject]:
    return [*subjects_of(read_folder(SAMPLES)).values()]


def alone(contract: Contract) -> list[Subject]:
    return [Subject(contract.subject, (contract,), (contract.ref.version,), None)]


def page_of(contract: Contract) -> Page:
    return Page(catalog(alone(contract), "Contracts")["subjects/thing_happened.html"])


def test_the_catalogue_of_the_samples_has_a_page_for_each_subject() -> None:
    files = catalog(samples(), "Travel")
    assert list(files) == [INDEX, ASYNCAPI, "subjects/booking_created.html", "subjects/flight_departed.html"]
    page = Page(files["subjects/booking_created.html"])
    assert [each for each in SHOWN if each not in page.text] == []


def test_the_same_contracts_give_the_same_files() -> None:
    assert catalog(samples(), "Travel") == catalog(samples(), "Travel")


def test_every_link_leads_to_a_file_of_the_catalogue() -> None:
    files = catalog(samples(), "Travel")
    for name, html in files.items():
        if not name.endswith(".html"):
            continue
        links = [value for key, value in Page(html).attributes if key in ("href", "src")]
        assert links
        for link in links:
            place = (Path("/") / Path(name).parent / str(link)).as_posix()
            assert str(Path(re.sub(r"/[^/]+/\.\./", "/", place)).relative_to("/")) in files


def with_text(text: str) -> Contract:
    """A contract that has a text in each place that may hold any."""
    name = re.sub(r"[\s\"'`\\\[\]]", "_", text)
    fields = [
        {"name": "n", "type": "string", "default": text, "doc": text, "pii": "none"},
        {"name": name, "type": "int", "pii": "none"},
    ]
    derived = [{"name": "d", "type": "long", "expression": "1", "doc": text}]
    return a_contract(*fields, derived=derived, waivers=[{"rule": "FIELD_REMOVED", "field": "m", "reason": text}])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_a_contract_is_shown_as_it_is(text: str) -> None:
    page, clean = page_of(with_text(text)), page_of(with_text("two-words"))
    assert page.text.count(text) >= 4
    assert page.tags == clean.tags
    assert Counter(key for key, _ in page.attributes) == Counter(key for key, _ in clean.attributes)


@given(contract=contracts())
@settings(FIXED_PROFILE, max_examples=20)
def test_every_field_of_any_contract_is_shown(contract: Contract) -> None:
    page = page_of(contract)
    assert [each.name for each in contract.record.fields if each.name not in page.text] == []


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_a_text_too(title: str) -> None:
    for name, html in catalog(samples(), title).items():
        if name.endswith(".html"):
            page = Page(html)
            assert title in page.text
            assert page.tags["script"] == 1


def test_only_the_style_and_the_script_of_the_page_are_admitted() -> None:
    html = catalog(samples(), "Travel")[INDEX]
    page = Page(html)
    admitted = re.findall(r"sha256-[\w+/=]+", html.replace("&#39;", "'"))
    found = [f"sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}" for each in page.scripts]
    assert admitted == found
    assert "default-src 'none'" in html.replace("&#39;", "'")
    assert MARK in html[:1000]


def test_characters_that_hide_or_turn_others_are_shown() -> None:
    page = page_of(a_contract({"name": "n", "type": "string", "doc": "a\u202eb\x00c\nd", "pii": "none"}))
    assert "a\\u202eb\\x00c\nd" in page.text


def test_a_refused_subject_is_listed_with_its_fault(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, N, late_after="soon")
    write_version(tmp_path, 1, N, subject="other_thing", late_after="soon")
    (tmp_path / "<b>.v1.avsc").write_text("{}")
    files = catalog([*subjects_of(read_folder(tmp_path)).values()], "Contracts")
    assert list(files) == [INDEX, ASYNCAPI, "subjects/thing_happened.html"]
    index = Page(files[INDEX])
    assert index.text.count("refused") == 3
    assert "<b>" in index.text
    assert "late_after" in Page(files["subjects/thing_happened.html"]).text


def test_many_fields_take_no_quadratic_time() -> None:
    def work_on(count: int) -> Any:
        contract = a_contract(*((f"f{number}", a_record(f"R{number}", N)) for number in range(count)))
        return lambda: catalog(alone(contract), "Contracts")

    assert_linear(work_on, 200)
