"""What a table's description says of the versions of the masking key."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bigquery.columns import TABLE_DOC
from headrace.schemas.classification import NotPersonal
from headrace.schemas.model import Array, Field
from headrace.steps.mask.token_history import TokenHistory, next_history, version_problem
from tests.support.builders import a_contract, a_tokenised_contract

JANUARY, MAY, JUNE = date(2026, 1, 12), date(2026, 5, 1), date(2026, 6, 30)


def provisioned(text: str | None, version: str | None, created: date | None = JANUARY, today: date = MAY) -> str | None:
    return next_history(text, created, version, today).beside("Things that happened.")


def test_a_new_table_names_its_version_and_provisioning_again_changes_nothing() -> None:
    first = provisioned(None, "1", created=None, today=JANUARY)
    assert first == "Things that happened.\n\nTokens: t1_ since 2026-01-12."
    assert provisioned(first, "1") == first


def test_versions_accumulate_and_an_old_one_may_come_back() -> None:
    first = provisioned(None, "1", created=None, today=JANUARY)
    second = provisioned(first, "2")
    assert second == "Things that happened.\n\nTokens: t1_ since 2026-01-12, t2_ since 2026-05-01."
    again = provisioned(second, "1", today=JUNE)
    assert again is not None
    assert again.endswith("Tokens: t1_ since 2026-01-12, t2_ since 2026-05-01, t1_ since 2026-06-30.")


@pytest.mark.parametrize(("version", "more"), [("1", ""), ("2", ", t2_ since 2026-05-01")])
def test_a_table_older_than_versions_has_the_first_one_since_it_was_created(version: str, more: str) -> None:
    described = provisioned("Things that happened.", version)
    assert described == f"Things that happened.\n\nTokens: t1_ since 2026-01-12{more}."


def test_a_table_keeps_its_versions_when_its_contract_makes_no_tokens_any_more() -> None:
    first = provisioned(None, "1", created=None)
    assert provisioned(first, None) == first
    assert provisioned("Things that happened.", None) == "Things that happened."


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.dates().map(date.isoformat)), max_size=9),
    st.one_of(st.none(), st.text(max_size=40), st.just("x" * TABLE_DOC)),
)
def test_what_is_written_is_read_back_beside_any_text(versions: list[tuple[str, str]], doc: str | None) -> None:
    history = TokenHistory(tuple(versions))
    described = history.beside(doc)
    assert TokenHistory.read(described) == history
    assert len(described or "") <= TABLE_DOC


def test_a_job_of_another_version_is_named_with_the_remedy() -> None:
    described = provisioned(None, "2", created=None)
    assert version_problem(described, "1") == (
        "its description says that tokens begin with t2_, and this job makes t1_; "
        "give each job the same masking_key_version with its key, then run `headrace provision`"
    )
    assert [version_problem(described, each) for each in ("2", None)] == [None, None]
    assert version_problem("Things that happened.", "1") is None


def test_tokens_are_found_at_any_depth() -> None:
    assert not a_contract(("city", "string")).makes_tokens
    plain = a_tokenised_contract()
    assert plain.makes_tokens
    within = Field("people", Array(plain.record), pii=NotPersonal())
    nested = replace(plain, record=replace(plain.record, fields=(within,)))
    assert nested.makes_tokens
