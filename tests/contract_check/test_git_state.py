"""The contracts of a folder as git has them at a commit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headrace.contract_check.git_state import GitStateError, contracts_at
from headrace.schemas.registry import read_folder
from tests.support.contract_folders import commit_all, git, write_version

N = ("n", "int")


def names(folder: Path, ref: str = "HEAD") -> list[str]:
    return [f"{ref.subject}.v{ref.version}" for ref in contracts_at(folder, ref).contracts]


def test_the_contracts_of_a_commit_are_those_that_were_there(tmp_path: Path) -> None:
    folder = tmp_path / "of a team" / "contracts"
    write_version(folder, 1, N)
    write_version(folder, 1, N, subject="other_happened")
    (folder / "thing_happened.v1.headrace.md").write_text("a note")
    first = commit_all(tmp_path)
    write_version(folder, 1, N, late_after="60d")
    (folder / "other_happened.v1.avsc").unlink()
    write_version(folder, 2, N)
    commit_all(tmp_path)
    git(tmp_path, "tag", "released")

    assert names(folder, first) == ["other_happened.v1", "thing_happened.v1"]
    assert names(folder, "released") == names(folder, "main") == ["thing_happened.v1", "thing_happened.v2"]
    now = read_folder(folder).contracts
    assert contracts_at(folder, "HEAD").contracts == now
    assert contracts_at(folder, first[:10]).contracts != now


def test_sidecars_and_shared_types_are_read_with_their_contracts(tmp_path: Path) -> None:
    described = (
        '{"type": "record", "name": "T", "fields": [{"name": "at", "type": "long"}, {"name": "m", "type": "Money"}]}'
    )
    (tmp_path / "thing_happened.v1.avsc").write_text(described)
    (tmp_path / "Money.avsc").write_text('{"type": "fixed", "name": "Money", "size": 4}')
    sidecar = 'table = "things"\nevent_time = "publish_time"\nlate_after = "30d"\nahead_at_most = "10m"\npii = "none"\n'
    (tmp_path / "thing_happened.v1.headrace.toml").write_text(sidecar)
    commit_all(tmp_path)

    found = contracts_at(tmp_path, "HEAD")
    assert found.blocked == {}
    assert found.contracts == read_folder(tmp_path).contracts != {}


def test_attributes_of_git_leave_out_no_contract(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    (tmp_path / ".gitattributes").write_text("*.avsc export-ignore\n")
    commit_all(tmp_path)
    assert names(tmp_path) == ["thing_happened.v1"]


def test_a_folder_that_was_not_there_held_none(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("nothing yet")
    commit_all(tmp_path)
    write_version(tmp_path / "contracts", 1, N)
    assert names(tmp_path / "contracts") == []


def test_links_and_faulty_contracts_of_a_commit_are_left_out(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    os.symlink("thing_happened.v1.avsc", tmp_path / "thing_happened.v2.avsc")
    (tmp_path / "other_happened.v1.avsc").write_text("{")
    commit_all(tmp_path)

    found = contracts_at(tmp_path, "HEAD")
    assert names(tmp_path) == ["thing_happened.v1"]
    assert list(found.blocked) == ["other_happened"]


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("nowhere", "there is no commit, branch or tag 'nowhere'"),
        ("-h", "not a commit"),
        ("--output=/tmp/x", "not a commit"),
        ("HEAD:contracts", "not a commit"),
        ("", "not a commit"),
    ],
)
def test_a_name_that_is_no_commit_is_refused_with_a_remedy(tmp_path: Path, ref: str, why: str) -> None:
    write_version(tmp_path, 1, N)
    commit_all(tmp_path)
    with pytest.raises(GitStateError, match=f"{why}.*; name a commit, a branch or a tag"):
        contracts_at(tmp_path, ref)


def test_a_folder_outside_of_git_is_refused(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    with pytest.raises(GitStateError, match="not a git repository"):
        contracts_at(tmp_path, "HEAD")


def test_a_machine_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitStateError, match="git is not installed"):
        contracts_at(tmp_path, "HEAD")
