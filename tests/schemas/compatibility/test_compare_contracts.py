"""What a change of a contract breaks beside the reading of events: personal data, ids, names, the table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Break, Compatibility, Direction, Rule
from headrace.schemas.compatibility.waivers import Waiver
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import a_contract, a_record, contract_json

EMAIL = {"kind": "email", "mask": "tokenise"}


def pii(mask: str, kind: str = "email", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "mask": mask, **more}


def partial(**more: Any) -> dict[str, Any]:
    return pii("partial", **more)


def to(target: str, **more: Any) -> dict[str, Any]:
    return pii("generalise", to=target, **more)


def a_version(number: int, *fields: Any, name: str = "ThingHappened", **annotations: Any) -> Contract:
    """A contract whose fields are not personal unless they say otherwise."""
    described = contract_json(*fields, **annotations) | {"name": name}
    if any("pii" in json.dumps(each) for each in described["fields"]):
        described["fields"][-1]["pii"] = "none"
    return parse_contract(SchemaRef("thing_happened", number), json.dumps(described))


def rules(old: Contract, new: Contract) -> list[tuple[Rule, str]]:
    return [(each.rule, each.where) for each in compare_contracts(old, new) if each.direction is None]


def masked(type_: Any, before: Any, after: Any) -> list[tuple[Rule, str]]:
    """What a change of the mask of one field breaks."""
    return rules(a_version(1, ("f", type_, {"pii": before})), a_version(2, ("f", type_, {"pii": after})))


WEAKER = [
    ("string", pii("omit"), pii("redact")),
    ("string", pii("redact"), pii("tokenise")),
    ("string", pii("tokenise"), partial(keep_last=2)),
    ("string", partial(keep_last=2), partial(keep_last=3)),
    ("string", partial(keep_last=2), partial(keep_first=2)),
    ("string", partial(keep_last=2), to("network")),
    ({"type": "int", "logicalType": "date"}, to("year"), to("month")),
    ("long", to("bucket", size=10), to("bucket", size=5)),
    ({"type": "array", "items": "string"}, pii("redact"), pii("tokenise")),
]
AS_STRONG = [
    ("string", pii("redact"), pii("omit")),
    ("string", partial(keep_last=3), partial(keep_last=2)),
    ("string", partial(keep_last=3), pii("tokenise")),
    ("string", pii("redact"), pii("redact", kind="phone")),
    ({"type": "int", "logicalType": "date"}, to("month"), to("year")),
    ("long", to("bucket", size=5), to("bucket", size=10)),
    ("string", "none", pii("tokenise")),
    ("string", EMAIL, EMAIL),
]


@pytest.mark.parametrize(("type_", "before", "after"), WEAKER)
def test_a_mask_that_shows_more_is_weaker(type_: Any, before: Any, after: Any) -> None:
    assert masked(type_, before, after) == [(Rule.MASK_WEAKENED, "f")]


@pytest.mark.parametrize(("type_", "before", "after"), AS_STRONG)
def test_a_mask_that_shows_no_more_breaks_nothing(type_: Any, before: Any, after: Any) -> None:
    assert masked(type_, before, after) == []


def test_personal_data_without_a_mask_is_named_whichever_way_it_loses_it() -> None:
    old = a_version(1, ("f", "string", {"pii": EMAIL}))

    assert rules(old, a_version(2, ("f", "string", {"pii": "none"}))) == [(Rule.PII_TAG_REMOVED, "f")]
    assert rules(old, a_version(2, ("f", "string"))) == [(Rule.PII_TAG_REMOVED, "f")]


def test_a_token_of_another_kind_joins_nothing() -> None:
    assert masked("string", EMAIL, pii("tokenise", kind="mail")) == [(Rule.TOKENS_CHANGED, "f")]


def test_masks_are_compared_value_by_value() -> None:
    whole = a_version(1, ("home", a_record("Home", ("a", "string"), ("b", "string")), {"pii": pii("redact", "home")}))
    each = [("a", "string", {"pii": pii("redact")}), ("b", "string", {"pii": "none"})]
    parts = a_version(2, ("home", a_record("Home", *each)))

    assert rules(whole, parts) == [(Rule.PII_TAG_REMOVED, "home.b")]
    assert rules(parts, whole) == []


def test_the_mask_of_a_renamed_field_and_of_a_type_of_a_union_stay() -> None:
    old = a_version(1, ("mail", "string", {"pii": EMAIL}))
    renamed = a_version(2, ("email", "string", {"aliases": ["mail"], "pii": "none"}))
    assert rules(old, renamed) == [(Rule.PII_TAG_REMOVED, "email")]

    union = a_version(1, ("f", ["string", "int"], {"pii": EMAIL}))
    other = a_version(2, ("f", [{"type": "string", "pii": EMAIL}, {"type": "int", "pii": "none"}]))
    assert rules(union, other) == [(Rule.PII_TAG_REMOVED, "f.int_value")]


def test_columns_of_messages_and_derived_columns_are_compared_too() -> None:
    tenant = {"tenant": {"attribute": "tenant", "pii": EMAIL}}
    derived = [{"name": "double_n", "type": "long", "expression": "n * 2"}]
    old = a_version(1, ("n", "int", {"pii": "none"}), metadata=tenant, derived=derived)
    plain = a_version(
        2, ("n", "int", {"pii": "none"}), metadata={"tenant": {"attribute": "tenant", "pii": "none"}}, derived=derived
    )
    without = a_version(2, ("n", "int", {"pii": "none"}))

    assert rules(old, plain) == [(Rule.PII_TAG_REMOVED, "headrace.metadata.tenant")]
    assert rules(old, without) == [
        (Rule.FIELD_REMOVED, "headrace.derived.double_n"),
        (Rule.FIELD_REMOVED, "headrace.metadata.tenant"),
    ]


def test_a_field_without_a_column_is_missed_by_no_query() -> None:
    kept = ("n", "int", {"pii": "none"})
    assert rules(a_version(1, kept, ("f", "string", {"pii": pii("omit")})), a_version(2, kept)) == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {"table": "others"}, [(Rule.TABLE_CHANGED, "headrace.table")]),
        ({"partition": "day"}, {"partition": "month"}, [(Rule.PARTITIONING_CHANGED, "headrace.partition")]),
        (
            {"partition": "day"},
            {"partition": "month", "table": "others"},
            [(Rule.TABLE_CHANGED, "headrace.table")],
        ),
        ({}, {"identity": ["n"]}, [(Rule.IDENTITY_CHANGED, "headrace.identity")]),
        ({"identity": ["n"]}, {"identity": ["m", "n"]}, [(Rule.IDENTITY_CHANGED, "headrace.identity")]),
        (
            {"identity": {"fields": ["n"], "id": "derive"}},
            {"identity": {"fields": ["n"], "id": "trust"}},
            [(Rule.IDENTITY_CHANGED, "headrace.identity")],
        ),
        (
            {"envelope": {"kind": "attributes", "id": {"attribute": "event"}, "version": 1}},
            {"envelope": {"kind": "attributes", "id": {"attribute": "key"}, "version": 1}},
            [(Rule.IDENTITY_CHANGED, "headrace.envelope.id")],
        ),
        ({}, {"late_after": "40d", "cluster": ["n"], "compatibility": "full"}, []),
    ],
)
def test_ids_and_tables(before: Any, after: Any, found: Any) -> None:
    fields = (("n", "int"), ("m", "int"))
    assert rules(a_version(1, *fields, **before), a_version(2, *fields, **after)) == found


def test_compression_breaks_older_readers_when_it_begins_and_newer_ones_when_it_ends() -> None:
    packed = {"encoding": {"kind": "datum", "compression": "content-encoding"}}

    def found(before: Any, after: Any) -> list[tuple[Rule, str, Direction | None]]:
        both = a_version(1, ("n", "int"), **before), a_version(2, ("n", "int"), **after)
        return [(each.rule, each.where, each.direction) for each in compare_contracts(*both)]

    assert found({}, packed) == [(Rule.COMPRESSION_CHANGED, "headrace.encoding", Direction.FORWARD)]
    assert found(packed, {}) == [(Rule.COMPRESSION_CHANGED, "headrace.encoding", Direction.BACKWARD)]
    assert found(packed, packed) == []


def test_a_name_is_told_once_for_the_event_and_the_records_in_its_namespace() -> None:
    inner = ("home", a_record("Home", ("n", "int")))
    found = rules(a_version(1, inner, name="shop.Thing"), a_version(2, inner, name="store.Thing"))
    assert found == [(Rule.NAMESPACE_CHANGED, "")]
    assert rules(a_version(1, inner, name="shop.Thing"), a_version(2, inner, name="shop.Item")) == [
        (Rule.NAMESPACE_CHANGED, "")
    ]


@pytest.mark.parametrize(
    ("setting", "backward", "forward", "forward_of_older"),
    [("backward", True, False, False), ("full", True, True, False), ("full_transitive", True, True, True)],
)
def test_what_a_contract_promises(setting: str, backward: bool, forward: bool, forward_of_older: bool) -> None:
    promise = a_contract(("n", "int"), compatibility=setting).options.compatibility

    assert promise is Compatibility(setting)
    assert promise.covers(None, is_previous=False)
    assert promise.covers(Direction.BACKWARD, is_previous=False) is backward
    assert promise.covers(Direction.FORWARD, is_previous=True) is forward
    assert promise.covers(Direction.FORWARD, is_previous=False) is forward_of_older


def test_a_waiver_names_one_rule_at_one_place() -> None:
    gone, table = (
        Break(rule, where, "", "")
        for rule, where in ((Rule.FIELD_REMOVED, "a.b"), (Rule.TABLE_CHANGED, "headrace.table"))
    )
    field = Waiver(Rule.FIELD_REMOVED, "a.b", "why")

    assert [field.names(each) for each in (gone, table, gone._replace(where="a"), gone._replace(where="a.b.c"))] == [
        *(True, False, False, False)
    ]
    assert not field.names(gone._replace(rule=Rule.TYPE_CHANGED))
    assert Waiver(Rule.TABLE_CHANGED, "", "why").names(table)
