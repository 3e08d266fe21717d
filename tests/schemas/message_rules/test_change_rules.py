"""What a contract of change events may say: accepted, refused with a remedy that works, and known to editors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from headrace.bigquery.event_table import table_for
from headrace.bigquery.latest_views import latest_query
from headrace.core.resource_names import Names
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.message_rules.change_events import Before, ChangeRules, Op
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.sidecar import with_sidecar
from tests.schemas.test_annotation_schemas import SIDECAR, errors
from tests.support.builders import a_contract
from tests.support.change_events import changes_contract, changes_json
from tests.support.paths import ROOT

ID, KEY, NOTE = ("order_id", "long"), ("key", "string"), ("note", ["null", "string"])
TOKENISED = {"name": "order_id", "type": "long", "pii": {"kind": "order", "mask": "tokenise"}}
REDACTED = {"name": "order_id", "type": "long", "pii": {"kind": "order", "mask": "redact"}}
PLAIN = {"name": "note", "type": ["null", "string"], "pii": "none"}


def test_the_settings_are_read() -> None:
    envelope = {"before": "row", "drop": ["t"], "source_table": "public.orders"}

    rules = changes_contract(envelope=envelope).options.envelope

    assert rules.changes == ChangeRules(("order_id",), Before.ROW, frozenset({Op.TRUNCATE}), "public.orders")
    assert rules.source_attribute == "debezium-table"
    assert changes_contract().options.envelope.changes == ChangeRules(("order_id",))


Case = tuple[list[Any], dict[str, Any], str, list[Any], dict[str, Any]]
OF_VALUES: list[Case] = [
    ([], {"envelope": {"key": None}}, "key: missing: it says which changes are of one row", [], {}),
    ([], {"envelope": {"key": []}}, "key: missing: it says", [], {}),
    ([], {"envelope": {"before": "all"}}, "before: not one of the known values", [], {"envelope": {"before": "row"}}),
    ([], {"envelope": {"drop": ["d"]}}, "drop: an operation with a row; choose from t, m", [], {}),
    ([], {"envelope": {"drop": "t"}}, "drop: not a list of at most 2", [], {"envelope": {"drop": ["t", "m"]}}),
    ([], {"envelope": {"source_table": 1}}, "source_table", [], {"envelope": {"source_table": "public.orders"}}),
    ([], {"envelope": {"type": "x"}}, "unknown annotation 'type'", [], {}),
]
OF_CONTRACTS: list[Case] = [
    ([ID], {"envelope": {"key": ["id"]}}, "key.id: no such field", [ID], {}),
    ([NOTE], {"envelope": {"key": ["note"]}}, "key.note: not one exact value that is never null", [ID], {}),
    ([TOKENISED, PLAIN], {}, "personal, and the id is derived", [TOKENISED, PLAIN], {"envelope": {"id": "message_id"}}),
    (
        [REDACTED, PLAIN],
        {"envelope": {"id": "message_id"}},
        "redact, so that rows cannot be told apart; use the mask tokenise",
        [TOKENISED, PLAIN],
        {"envelope": {"id": "message_id"}},
    ),
    (
        [ID, KEY],
        {},
        "before: key is never null, and deletions hold the key",
        [ID, KEY],
        {"envelope": {"before": "row"}},
    ),
    ([ID], {"identity": ["order_id"]}, "identity: an identity of rows", [ID], {}),
    ([ID], {"where": "order_id > 5"}, "where: a filter, which may leave out", [ID], {}),
    ([ID, ("_op", ["null", "string"])], {}, "a field is named _op", [ID, NOTE], {}),
    ([ID], {"encoding": "datum", "json": None}, "another encoding than JSON around change events", [ID], {}),
    ([ID], {"metadata": {"_op": {"attribute": "a", "pii": "none"}}}, "metadata._op: named twice", [ID], {}),
]


def contract(fields: list[Any], annotations: dict[str, Any]) -> Any:
    text = json.loads(changes_json(*fields, **annotations))
    text["headrace"] = {name: value for name, value in text["headrace"].items() if value is not None}
    return text


@pytest.mark.parametrize(("fields", "wrong", "why", "others", "good"), OF_VALUES + OF_CONTRACTS)
def test_what_breaks_a_rule_is_refused_and_accepted_once_its_remedy_is_followed(
    fields: list[Any], wrong: dict[str, Any], why: str, others: list[Any], good: dict[str, Any]
) -> None:
    ref = SchemaRef("order_changed", 1)
    with pytest.raises(ContractError) as refused:
        parse_contract(ref, json.dumps(contract(fields, wrong)))
    assert why in str(refused.value)
    parse_contract(ref, json.dumps(contract(others, good)))


@pytest.mark.parametrize(("fields", "wrong", "why", "others", "good"), OF_VALUES)
def test_an_editor_accepts_and_refuses_the_same(
    fields: list[Any], wrong: dict[str, Any], why: str, others: list[Any], good: dict[str, Any]
) -> None:
    assert errors(SIDECAR, contract(others, good)["headrace"]) == []
    assert errors(SIDECAR, contract(fields, wrong)["headrace"]) != []


def test_the_contract_of_the_page_is_one() -> None:
    page = (ROOT / "docs" / "debezium.md").read_text()
    schema, sidecar = (re.findall(rf"(?<=```{language}\n).*?(?=```)", page, re.DOTALL) for language in ("json", "toml"))

    text = with_sidecar(
        SourceFile("order_changed.v1.avsc", schema[0]), SourceFile("order_changed.v1.headrace.toml", sidecar[0])
    )

    assert parse_contract(SchemaRef("order_changed", 1), text).options.latest_view == "orders_latest"


def test_a_table_has_columns_for_the_operation() -> None:
    names = [column.name for column in table_for(changes_contract(), "p", "d").schema]

    assert names[-8:-5] == ["_op", "_op_at", "_op_position"]


def test_a_table_in_the_place_of_a_view_blocks_both_subjects() -> None:
    other = a_contract(table="orders_latest")
    mine = changes_contract()

    with pytest.raises(ContractError, match="writes table orders_latest too"):
        Registry({mine.ref: mine, other.ref: other})


def test_the_view_reads_columns_by_their_names_in_the_table() -> None:
    renamed = changes_contract(("_table_id", "long"), NOTE, envelope={"key": ["_table_id"]})
    column = renamed.column("_table_id")

    query = latest_query(renamed, Names("p", "d"))

    assert column != "_table_id"
    assert f"PARTITION BY `{column}`\n" in query
    assert f"SELECT\n  `{column}`,\n  `note`,\n  `_op`,\n" in query
