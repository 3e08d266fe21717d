"""The rows that the test expects are those of ``examples/producers/README.md``."""

from __future__ import annotations

import json
import re

from tests.support.paths import ROOT
from tests.wire.harness import CONTRACTS
from tests.wire.parcels import SUBJECT, expected_row

PAGE = (ROOT / "examples/producers/README.md").read_text()


def fields(version: int) -> list[str]:
    schema = json.loads((CONTRACTS / f"{SUBJECT}.v{version}.avsc").read_text())
    return [each["name"] for each in schema["fields"]]


def test_the_page_has_the_id_of_the_first_event() -> None:
    assert f"`{expected_row(0, '')['_event_id']}`" in PAGE


def test_the_page_has_the_suffixes() -> None:
    (listed,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert [expected_row(k, "")["parcel"] for k in range(5)] == [
        f"parcel-{k}{each}" for k, each in enumerate(json.loads(listed))
    ]


def test_the_page_describes_each_field_of_the_first_version() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE) == fields(1)


def test_a_row_has_each_field_of_the_newest_version() -> None:
    assert [name for name in expected_row(1, "") if not name.startswith("_")] == fields(2)


def test_the_rules_reach_both_ends_of_their_types() -> None:
    rows = [expected_row(k, "") for k in range(5_000)]
    assert {row["fee"] for row in rows} >= {"-1234.5", "0"}
    barcodes = [int(row["barcode"]) for row in rows]
    assert -(2**63) <= min(barcodes) < -(2**53)
    assert 2**53 < max(barcodes) < 2**63
    assert {len(row["counts"]) for row in rows} == {0, 3}
