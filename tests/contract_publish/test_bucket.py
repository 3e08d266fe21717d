"""What a bucket lacks, and in which order it gets it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from headrace.contract_publish.bucket import Stored, Upload, _md5, local_files, plan_uploads
from headrace.schemas.registry import read_folder
from tests.support.contract_folders import write_version

NAMES = st.sampled_from(["orders.v1.avsc", "orders.v1.headrace.toml", "orders.v2.avsc", "shop.Money.avsc"])
FILES = st.dictionaries(NAMES, st.sampled_from([b"a", b"b", b""]))


def test_a_contract_comes_after_what_it_needs() -> None:
    files = dict.fromkeys(["orders.v1.avsc", "a.v1.avsc", "orders.v1.headrace.toml", "shop.Money.avsc"], b"{}")
    assert [each.file for each in plan_uploads(files, {})] == [
        "orders.v1.headrace.toml",
        "shop.Money.avsc",
        "a.v1.avsc",
        "orders.v1.avsc",
    ]


def test_an_object_is_replaced_at_the_generation_that_was_seen() -> None:
    stored = {"orders.v1.avsc": Stored(7, _md5(b"before"))}
    assert plan_uploads({"orders.v1.avsc": b"now", "orders.v2.avsc": b"new"}, stored) == [
        Upload("orders.v1.avsc", 7),
        Upload("orders.v2.avsc", 0),
    ]


@given(FILES, FILES)
def test_after_the_uploads_the_bucket_has_every_file(files: dict[str, bytes], there: dict[str, bytes]) -> None:
    def stored() -> dict[str, Stored]:
        return {name: Stored(number, _md5(content)) for number, (name, content) in enumerate(there.items(), 1)}

    for each in plan_uploads(files, stored()):
        assert there.get(each.file) != files[each.file]
        there[each.file] = files[each.file]
    assert {name: there[name] for name in files} == files
    assert plan_uploads(files, stored()) == []


def test_the_files_are_those_of_contracts(tmp_path: Path) -> None:
    path = write_version(tmp_path, 1, ("n", "int"))
    (tmp_path / "shop.Money.avsc").write_text('{"type": "fixed", "name": "shop.Money", "size": 8}')
    (tmp_path / "notes.txt").write_text("not a contract")
    found = local_files(tmp_path, read_folder(tmp_path))
    assert set(found) == {path.name, "shop.Money.avsc"}
    assert found[path.name] == path.read_bytes()
