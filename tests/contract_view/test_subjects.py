"""Subjects of a folder, served and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.contract_view.choose_versions import NothingToCompareError, choose_versions
from headrace.contract_view.subjects import Subject, listed, subject_named, subjects_of
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.registry import Registry, read_folder
from tests.support.builders import a_contract
from tests.support.contract_folders import write_version

N = ("n", "int")


@pytest.fixture
def subjects(tmp_path: Path) -> dict[str, Subject]:
    """A folder with a good subject, one that cannot be read, and one whose versions contradict each other."""
    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, N, {"name": "m", "type": ["null", "int"], "default": None})
    write_version(tmp_path, 1, N, subject="unreadable", late_after="soon")
    write_version(tmp_path, 1, N, subject="contradicting")
    write_version(tmp_path, 2, ("n", "string"), subject="contradicting")
    (tmp_path / "NoSubject.v1.avsc").write_text("{}")
    return subjects_of(read_folder(tmp_path))


def test_a_refused_contract_keeps_no_other_from_being_listed(subjects: dict[str, Subject], tmp_path: Path) -> None:
    rows = {each["subject"]: each for each in map(listed, subjects.values())}
    refused = {name for name, row in rows.items() if row["state"] == "refused"}

    assert rows["thing_happened"] == {
        "subject": "thing_happened",
        "versions": "1 2",
        "table": "thing_happened",
        "event_time": "at",
        "fields": 3,
        "personal": 0,
        "state": "ok",
        "fault": "",
    }
    assert refused == set(Registry.load_serviceable(tmp_path).blocked)
    assert rows["unreadable"]["fault"].startswith("unreadable.v1.avsc:7: unreadable.v1.headrace.late_after: ")
    assert (rows["unreadable"]["versions"], rows["unreadable"]["table"]) == ("1", "")


def test_a_refused_contract_is_shown_if_it_can_be_read(subjects: dict[str, Subject]) -> None:
    assert subjects["contradicting"].version(None).ref.version == 2
    with pytest.raises(ContractError, match="late_after"):
        subjects["unreadable"].version(None)
    with pytest.raises(ContractError, match="late_after"):
        subjects["unreadable"].version(1)


def test_what_is_not_there_is_answered_with_what_is(subjects: dict[str, Subject]) -> None:
    with pytest.raises(UnknownSchemaError, match="there are contradicting, thing_happened, unreadable"):
        subject_named(subjects, "nothing")
    with pytest.raises(UnknownSchemaError, match="its versions are 1, 2"):
        subjects["thing_happened"].version(3)


def a_subject(*numbers: int) -> Subject:
    made = tuple(a_contract(N, version=each) for each in numbers)
    return Subject("thing_happened", made, numbers, None)


@pytest.mark.parametrize(
    ("published", "old", "new", "before", "after"),
    [
        (None, None, None, [1, 2], [1, 2, 3]),
        (None, 1, None, [1], [1, 2, 3]),
        (None, 1, 2, [1], [1, 2]),
        (None, None, 2, [1], [1, 2]),
        (None, 2, 2, [1, 2], [1, 2]),
        ([1], None, None, [1], [1, 2, 3]),
        ([1, 2, 3], None, None, [1, 2, 3], [1, 2, 3, 3]),
        ([1, 2], 1, None, [1], [1, 2, 3]),
    ],
)
def test_versions_are_chosen(
    published: list[int] | None, old: int | None, new: int | None, before: list[int], after: list[int]
) -> None:
    found = choose_versions(a_subject(1, 2, 3), a_subject(*published) if published else None, old, new)
    assert [each.ref.version for each in found.before] == before
    assert [each.ref.version for each in found.after] == after


@pytest.mark.parametrize(
    ("numbers", "old", "new", "remedy"),
    [((1,), None, None, "--against"), ((1, 2), 2, 1, "name the older version first")],
)
def test_two_versions_that_are_no_older_and_newer_one_are_refused(
    numbers: tuple[int, ...], old: int | None, new: int | None, remedy: str
) -> None:
    with pytest.raises(NothingToCompareError, match=remedy):
        choose_versions(a_subject(*numbers), None, old, new)
