"""What a check finds in a folder of contracts, and the lines on which it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.contract_check.findings import Finding
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry, read_folder
from tests.support.builders import contract_json
from tests.support.contract_folders import check_folder, write_contract, write_version

N = ("n", "int")


def found(folder: Path) -> list[Finding]:
    return check_folder(folder, {}).findings


def brief(folder: Path) -> list[tuple[Rule, str]]:
    return [(each.rule, each.path.removeprefix("thing_happened.")) for each in found(folder)]


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def waiver(rule: str, field: str = "", reason: str = "nobody reads it since March") -> dict[str, str]:
    return {"rule": rule, "reason": reason, **({"field": field} if field else {})}


def test_a_folder_without_a_fault_has_no_finding(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, N, ("m", ["null", "int"], {"default": None}))
    write_version(tmp_path, 1, N, subject="other_happened")

    checked = check_folder(tmp_path, {})

    assert (checked.findings, checked.subjects, checked.versions) == ([], 2, 3)
    Registry.load(tmp_path)


def test_a_finding_has_the_line_of_the_field_and_the_versions_that_it_is_against(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    write_version(tmp_path, 2, N, ("m", "int"))
    file = write_version(tmp_path, 3, N, ("m", "string"))

    (finding,) = found(tmp_path)

    assert (finding.rule, finding.path) == (Rule.TYPE_CHANGED, "thing_happened.v3.m")
    assert finding.why == "against v1 and v2: int becomes string, so older events cannot be read"
    assert (finding.file, finding.line) == (file.name, line_of(file, '"name": "m"') - 1)


def test_a_break_is_told_of_the_version_that_makes_it(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"), table="first_table")
    write_version(tmp_path, 2, N, table="second_table")
    write_version(tmp_path, 3, N, table="second_table")
    write_version(tmp_path, 4, N, table="third_table")

    assert brief(tmp_path) == [
        (Rule.FIELD_REMOVED, "v2.m"),
        (Rule.TABLE_CHANGED, "v2.headrace.table"),
        (Rule.TABLE_CHANGED, "v4.headrace.table"),
    ]


def test_defaults_of_any_kind_are_compared(tmp_path: Path) -> None:
    labels = ("labels", {"type": "map", "values": "string"}, {"default": {"a": "b"}})
    write_version(tmp_path, 1, N, labels)
    write_version(tmp_path, 2, ("n", "string"), labels)
    assert brief(tmp_path) == [(Rule.TYPE_CHANGED, "v2.n")]


def test_versions_are_ordered_by_their_number(tmp_path: Path) -> None:
    for version in (2, 9, 10):
        write_version(tmp_path, version, N, *([("m", "int", {"default": 1})] if version > 9 else []))
    assert found(tmp_path) == []


@pytest.mark.parametrize(("setting", "rules"), [("backward", []), ("full", ["v2.m"]), ("full_transitive", ["v2.m"])])
def test_readers_of_older_versions_count_if_the_contract_promises_them(
    tmp_path: Path, setting: str, rules: list[str]
) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    write_version(tmp_path, 2, N, ("m", "long"), compatibility=setting)
    assert [path for _, path in brief(tmp_path)] == rules


@pytest.mark.parametrize(("setting", "versions"), [("full", []), ("full_transitive", ["v3.m"])])
def test_a_promise_may_reach_back_to_every_version(tmp_path: Path, setting: str, versions: list[str]) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    write_version(tmp_path, 2, N, ("m", "long"))
    write_version(tmp_path, 3, N, ("m", "long"), compatibility=setting)
    assert [path for _, path in brief(tmp_path)] == versions


def test_a_waiver_gives_the_reason_and_is_no_fault(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    waivers = [waiver("FIELD_REMOVED", "m"), waiver("TABLE_CHANGED", reason="the old one is archived")]
    write_version(tmp_path, 2, N, table="new_things", waivers=waivers)

    assert [(each.rule, each.waived) for each in found(tmp_path)] == [
        (Rule.FIELD_REMOVED, "nobody reads it since March"),
        (Rule.TABLE_CHANGED, "the old one is archived"),
    ]


def test_a_waiver_of_a_later_version_does_not_reach_back(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    write_version(tmp_path, 2, N)
    write_version(tmp_path, 3, N, waivers=[waiver("FIELD_REMOVED", "m")])
    assert [each.waived for each in found(tmp_path)] == [""]


def test_a_waiver_does_not_help_where_the_job_refuses_the_contract(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, ("n", "string"), waivers=[waiver("TYPE_CHANGED", "n")])

    (finding,) = found(tmp_path)
    assert finding.waived == ""
    assert "no waiver counts" in finding.remedy
    with pytest.raises(ContractError):
        Registry.load(tmp_path)


def test_a_type_of_a_union_that_is_gone_can_be_waived_for_its_events_become_dead_letters(tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("f", ["int", "string", "boolean"]))
    waivers = [waiver("TYPE_CHANGED", "f.boolean_value")]
    write_version(tmp_path, 2, ("f", ["int", "string"]), waivers=waivers)

    assert [each.waived != "" for each in found(tmp_path)] == [True]
    Registry.load(tmp_path)


def test_what_bigquery_cannot_change_is_told_once_and_not_beside_the_type_itself(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"), ("Note", "int", {"default": 1}))
    write_version(tmp_path, 2, N, ("m", "double"), ("note", "int", {"default": 1}))
    write_version(tmp_path, 3, ("n", "string"), ("m", "double"), ("note", "int", {"default": 1}))

    assert brief(tmp_path) == [
        (Rule.FIELD_REMOVED, "v2.Note"),
        (Rule.BIGQUERY_TYPE_CHANGED, "v2.m"),
        (Rule.COLUMN_CASE_COLLISION, "v2.note"),
        (Rule.TYPE_CHANGED, "v3.n"),
    ]


def test_faults_of_single_contracts_have_rules_of_their_own(tmp_path: Path) -> None:
    described = contract_json(("email", "string", {"pii": {"kind": "email", "mask": "tokenise"}}), ("city", "string"))
    file = write_contract(tmp_path, 1, described)
    write_version(tmp_path, 1, N, subject="other_happened", late_after="soon")
    (tmp_path / "third_happened.v1.avsc").write_text("{")

    assert [(each.rule, each.file, each.line) for each in found(tmp_path)] == [
        (Rule.CONTRACT_INVALID, "other_happened.v1.avsc", 7),
        (Rule.PII_UNCLASSIFIED, file.name, line_of(file, '"name": "city"') - 1),
        (Rule.CONTRACT_INVALID, "third_happened.v1.avsc", 1),
    ]


def a_size(type_: str) -> dict[str, Any]:
    return {"type": "record", "name": "Box", "fields": [{"name": "value", "type": type_}]}


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        (lambda box: {"type": "map", "values": box}, "f.value"),
        (lambda box: {"type": "map", "values": ["null", box]}, "f.value"),
        (lambda box: {"type": "array", "items": box}, "f.value"),
        (lambda box: {"type": "array", "items": ["null", box]}, "f.value"),
        (lambda box: {"type": "array", "items": {"type": "map", "values": box}}, "f.value"),
        (lambda box: [box, "string"], "f.Box_value.value"),
    ],
    ids=["a map", "a map of optional values", "a list", "a list of optional items", "a list of maps", "a union"],
)
@pytest.mark.parametrize("becomes", ["string", "double"])
def test_a_change_within_a_shape_is_told_at_the_field(
    tmp_path: Path, shape: Callable[[Any], Any], path: str, becomes: str
) -> None:
    write_version(tmp_path, 1, ("f", shape(a_size("int"))))
    write_version(tmp_path, 2, ("f", shape(a_size(becomes))))

    assert {each.path for each in found(tmp_path)} == {f"thing_happened.v2.{path}"}


def test_a_column_of_the_message_is_classified_too(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, metadata={"tenant": {"attribute": "tenant-id"}})

    assert brief(tmp_path) == [(Rule.PII_UNCLASSIFIED, "v1.headrace.metadata.tenant")]


def test_two_subjects_with_one_table_are_told_at_their_tables(tmp_path: Path) -> None:
    for subject in ("one_happened", "two_happened"):
        write_version(tmp_path, 1, N, subject=subject, table="things")

    assert [(each.rule, each.path, each.line) for each in found(tmp_path)] == [
        (Rule.CONTRACT_INVALID, "one_happened.v1.headrace.table", 5),
        (Rule.CONTRACT_INVALID, "two_happened.v1.headrace.table", 5),
    ]


def test_a_doc_that_bigquery_cuts_is_told_of_the_newest_version(tmp_path: Path) -> None:
    def described(length: int) -> Any:
        return ("n", "int", {"doc": "x" * length})

    write_version(tmp_path, 1, described(2_000))
    assert brief(tmp_path) == [(Rule.DOC_TOO_LONG, "v1.n")]
    write_version(tmp_path, 2, described(1_024))
    assert brief(tmp_path) == []
    contract = contract_json(
        N, table="thing_happened", derived=[{"name": "d", "type": "long", "expression": "n", "doc": "y" * 1_025}]
    )
    write_contract(tmp_path, 3, contract | {"doc": "z" * 16_385})
    assert brief(tmp_path) == [(Rule.DOC_TOO_LONG, "v3"), (Rule.DOC_TOO_LONG, "v3.headrace.derived.d")]


def test_a_name_that_suggests_personal_data_needs_an_answer(tmp_path: Path) -> None:
    phone = ("phone", "string")
    write_version(tmp_path, 1, N, phone)
    assert brief(tmp_path) == [(Rule.PII_SUSPECTED, "v1.phone")]
    write_version(tmp_path, 2, N, phone, waivers=[waiver("PII_SUSPECTED", "phone", "the model of the device")])
    write_version(tmp_path, 3, N, phone)
    assert [(each.path, each.waived) for each in found(tmp_path)] == [
        ("thing_happened.v2.phone", "the model of the device")
    ], "a later version need not repeat it"
    write_version(tmp_path, 4, ("n", "int", {"pii": "none"}), (*phone, {"pii": "none"}))
    assert brief(tmp_path) == [], "a person has classified it"


def test_a_waiver_may_name_the_annotation_as_a_finding_does(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    for field in ("headrace.table", ""):
        write_version(tmp_path, 2, N, table="others", waivers=[waiver("TABLE_CHANGED", field, "archived")])
        assert [(each.rule, each.waived) for each in found(tmp_path)] == [(Rule.TABLE_CHANGED, "archived")]


def test_a_waiver_of_a_field_that_no_version_has_is_told(tmp_path: Path) -> None:
    gone = waiver("FIELD_REMOVED", "member", "nobody reads it")
    write_version(tmp_path, 1, N, ("member", "int"))
    write_version(tmp_path, 2, N, waivers=[gone])
    assert brief(tmp_path) == [(Rule.FIELD_REMOVED, "v2.member")]
    assert all(each.waived for each in found(tmp_path))
    write_version(tmp_path, 3, N, waivers=[gone, waiver("FIELD_REMOVED", "membre", "nobody reads it")])
    (told,) = (each for each in found(tmp_path) if not each.waived)
    assert (told.rule, told.path) == (Rule.CONTRACT_INVALID, "thing_happened.v3.headrace.waivers[1].field")
    assert told.message.endswith("so the waiver never counts; write member")
    assert told.line > 1


@pytest.mark.parametrize("field", ["headrace.tabel", "table", "n.x", "headrace"])
def test_a_waiver_of_no_annotation_is_told_too(field: str, tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, waivers=[waiver("TABLE_CHANGED", field, "archived")])
    assert [each.rule for each in found(tmp_path)] == [Rule.CONTRACT_INVALID]


def test_a_waiver_of_a_field_of_a_published_version_counts(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("member", "int"))
    published = read_folder(tmp_path).contracts
    (tmp_path / "thing_happened.v1.avsc").unlink()
    write_version(tmp_path, 2, N, waivers=[waiver("FIELD_REMOVED", "member", "nobody reads it")])
    told = check_folder(tmp_path, published).findings
    assert [each.rule for each in told if not each.waived] == [Rule.PUBLISHED_VERSION_EDITED]


def test_a_tag_of_a_registry_needs_an_answer_too(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("code", "string", {"confluent:tags": ["PII"]}))

    assert brief(tmp_path) == [(Rule.PII_SUSPECTED, "v1.code")]


def test_an_annotation_in_a_sidecar_has_the_line_of_the_sidecar(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    schema = contract_json(N)
    headrace = schema.pop("headrace") | {"table": "elsewhere"}
    del headrace["pii"]
    write_contract(tmp_path, 2, schema)
    lines = [f"{key} = {json.dumps(value)}" for key, value in headrace.items()]
    sidecar = tmp_path / "thing_happened.v2.headrace.toml"
    sidecar.write_text("\n".join(lines))
    assert [(each.rule, each.file) for each in found(tmp_path)] == [(Rule.PII_UNCLASSIFIED, sidecar.name)]
    lines += ['pii = "none"', "[[waivers]]", 'rule = "FIELD_REMOVED"', 'field = "m"', 'reason = "it moved to billing"']
    sidecar.write_text("\n".join(lines))

    gone, table = found(tmp_path)

    assert (table.rule, table.file, table.line) == (Rule.TABLE_CHANGED, sidecar.name, 1)
    assert (gone.rule, gone.waived) == (Rule.FIELD_REMOVED, "it moved to billing")


def test_a_published_version_never_changes(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, N, ("m", "int", {"default": 1}))
    write_version(tmp_path, 1, N, subject="other_happened")
    before = read_folder(tmp_path).contracts

    assert check_folder(tmp_path, before).findings == []
    write_version(tmp_path, 1, N, late_after="60d")
    (tmp_path / "thing_happened.v2.avsc").unlink()
    (tmp_path / "other_happened.v1.avsc").unlink()
    findings = check_folder(tmp_path, before).findings

    assert [(each.rule, each.file) for each in findings] == [
        (Rule.PUBLISHED_VERSION_EDITED, "thing_happened.v1.avsc"),
        (Rule.PUBLISHED_VERSION_EDITED, "thing_happened.v2.avsc"),
    ], "a subject that is gone as a whole is retired"


def test_a_version_is_compared_with_published_ones_that_the_folder_lacks(tmp_path: Path) -> None:
    write_version(tmp_path / "before", 1, N)
    write_version(tmp_path / "now", 2, ("n", "string"))
    findings = check_folder(tmp_path / "now", read_folder(tmp_path / "before").contracts).findings
    assert [each.rule for each in findings] == [Rule.PUBLISHED_VERSION_EDITED, Rule.TYPE_CHANGED]


def test_text_of_contracts_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("m", "int"))
    write_version(tmp_path, 2, N, waivers=[waiver("FIELD_REMOVED", "m", "red \x1b[31m\n::error::")])

    (finding,) = found(tmp_path)
    assert finding.waived == "red \\x1b[31m\\x0a::error::"


def test_expressions_that_cannot_be_run_are_found_with_their_lines(tmp_path: Path) -> None:
    rule = {"name": "has_n", "expression": "m > 0", "else": "warn"}
    write_version(tmp_path, 1, N, where="nobody reads it any longer")
    file = write_version(tmp_path, 2, N, where="n", rules=[rule])

    where, in_rule = found(tmp_path)

    assert (where.rule, where.path) == (Rule.CONTRACT_INVALID, "thing_happened.v2.headrace.where")
    assert in_rule.path == "thing_happened.v2.headrace.rules.has_n.expression"
    assert in_rule.why == "no column m"
    assert [where.line, in_rule.line] == [line_of(file, '"where"'), line_of(file, '"m > 0"')]


@pytest.mark.parametrize("otherwise", ["dead_letter", "warn"])
def test_rules_on_values_change_with_a_new_version_only(tmp_path: Path, otherwise: str) -> None:
    rule = {"name": "has_n", "expression": "n > 0", "else": otherwise}
    write_version(tmp_path, 1, N)
    before = read_folder(tmp_path).contracts
    write_version(tmp_path, 1, N, rules=[rule])
    (edited,) = check_folder(tmp_path, before).findings
    assert edited.rule is Rule.PUBLISHED_VERSION_EDITED

    write_version(tmp_path, 1, N)
    write_version(tmp_path, 2, N, rules=[rule])
    assert check_folder(tmp_path, before).findings == []
    before = read_folder(tmp_path).contracts
    write_version(tmp_path, 2, N, rules=[{**rule, "expression": "n > 1"}])
    (edited,) = check_folder(tmp_path, before).findings
    assert (edited.rule, edited.path) == (Rule.PUBLISHED_VERSION_EDITED, "thing_happened.v2")


def test_a_reader_that_breaks_is_told_rather_than_a_column_that_ends(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, ("currency", "string"), compatibility="full")
    write_version(tmp_path, 2, N, compatibility="full")

    (gone,) = found(tmp_path)

    assert (gone.rule, gone.path) == (Rule.FIELD_REMOVED, "thing_happened.v2.currency")
    assert "readers of the older version have no default for it" in gone.why
    assert gone.remedy == "keep it, or give it a default in a version of its own, and remove it in the next"


def test_a_published_version_cannot_waive_its_own_edit(tmp_path: Path) -> None:
    write_version(tmp_path, 1, N, waivers=[waiver("PUBLISHED_VERSION_EDITED", "", "a typo")])

    assert brief(tmp_path) == [(Rule.CONTRACT_INVALID, "v1.headrace.waivers[0].rule")]


def test_a_field_that_seems_renamed_is_told_how(tmp_path: Path) -> None:
    coupon, voucher = ("coupon", "string", {"default": ""}), ("voucher", "string", {"default": ""})
    write_version(tmp_path, 1, N, coupon)
    write_version(tmp_path, 2, N, voucher)
    (gone,) = found(tmp_path)
    assert gone.remedy.startswith('if it is called voucher now, write "aliases": ["coupon"] there; else keep it')

    write_version(tmp_path, 2, N, (*voucher[:2], {"default": "", "aliases": ["coupon"]}))

    assert found(tmp_path) == []


def test_a_field_that_was_beside_the_one_that_is_gone_is_not_its_new_name(tmp_path: Path) -> None:
    coupon, voucher = ("coupon", "string", {"default": ""}), ("voucher", "string", {"default": ""})
    write_version(tmp_path, 1, N, coupon)
    write_version(tmp_path, 2, N, coupon, voucher)
    write_version(tmp_path, 3, N, voucher)

    (gone,) = found(tmp_path)

    assert (gone.path, "aliases" in gone.remedy) == ("thing_happened.v3.coupon", False)
