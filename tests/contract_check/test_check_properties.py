"""Any two versions: a check passes exactly if the job loads them and the table can follow, whatever is waived."""

from __future__ import annotations

from hypothesis import event as note
from hypothesis import given, settings

from headrace.bigquery.table_changes import evolved_table
from headrace.contract_check.check_versions import compare_versions
from headrace.core.resource_names import Names
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from tests.support.edited_contracts import Versions, versions
from tests.support.strategies import FIXED_PROFILE


@given(versions=versions(edits=3))
@settings(FIXED_PROFILE, max_examples=150)
def test_what_no_waiver_covers_is_what_headrace_refuses(versions: Versions) -> None:
    found = [each.found for each in compare_versions(versions)]
    refused = any(each.is_fatal or not each.rule.is_waivable for each in found)

    note("refused" if refused else "served")
    assert refused == (not is_served(versions))


def is_served(versions: Versions) -> bool:
    try:
        Registry({each.ref: each for each in versions})
    except ContractError:
        return False
    return evolved_table(versions, versions.old.subject, Names("p", "d"))[1] == []
