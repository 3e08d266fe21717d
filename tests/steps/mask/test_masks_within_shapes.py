"""Masks of values within unions, lists of lists and nullable lists: none is in clear, and the rest is as it came."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract
from tests.steps.mask.test_mask_columns import LAST, OMIT, REDACT, TENS, TOKENISE, left, token, written
from tests.support.builders import a_contract, a_record

CLEAR = {"pii": "none"}
CARD = a_record("Card", ("number", "string", {"pii": TOKENISE}), ("tries", "int", {"pii": "none"}))
TEXTS = {"type": "array", "items": "string"}


def branch(**members: Any) -> dict[str, Any]:
    return {"string_value": None, "Card_value": None} | members


def test_a_field_of_a_branch_is_masked_and_its_neighbours_are_not() -> None:
    values = [{"Card": {"number": "4111", "tries": 2}}, {"string": "cash"}, None]

    assert left(["null", "string", CARD], values, **CLEAR) == [
        branch(Card_value={"number": token("4111"), "tries": 2}),
        branch(string_value="cash"),
        None,
    ]


def test_a_branch_has_a_mask_of_its_own() -> None:
    masked_text = {"type": "string", "pii": LAST}
    values = [{"Card": {"number": "4111", "tries": 2}}, {"string": "cash"}]

    assert left([masked_text, CARD], values) == [
        branch(Card_value={"number": token("4111"), "tries": 2}),
        branch(string_value="***h"),
    ]


@pytest.mark.parametrize(
    ("type_", "pii", "values", "masked"),
    [
        pytest.param(
            ["string", "long"],
            TOKENISE,
            [{"string": "Ada"}, {"long": 7}],
            [{"string_value": token("Ada"), "long_value": None}, {"string_value": None, "long_value": token(7)}],
            id="each branch of a union",
        ),
        pytest.param(
            ["null", "int", {"type": "array", "items": "double"}],
            TENS,
            [{"int": 17}, {"array": [9.5, 10.0]}, None],
            [{"int_value": 10, "array_value": []}, {"int_value": None, "array_value": [0.0, 10.0]}, None],
            id="a bucket",
        ),
        pytest.param(["string", "long"], REDACT, [{"string": "Ada"}], [None], id="a whole union"),
        pytest.param(
            {"type": "array", "items": TEXTS},
            TOKENISE,
            [[["Ada"], []]],
            [[{"items": [token("Ada")]}, {"items": []}]],
            id="lists of lists",
        ),
        pytest.param(
            {"type": "array", "items": ["null", "string"]},
            LAST,
            [["Ada", None]],
            [[{"value": "**a"}, {"value": None}]],
            id="items that may be null",
        ),
        pytest.param(["null", TEXTS], TOKENISE, [None, ["Ada"]], [[], [token("Ada")]], id="a list that may be null"),
        pytest.param(["null", TEXTS], REDACT, [None, ["Ada"]], [[], []], id="a redacted list"),
        pytest.param(
            {"type": "map", "values": {"type": "array", "items": ["null", "string"]}},
            TOKENISE,
            [{"a": ["Ada", None]}],
            [[{"key": "a", "value": [{"value": token("Ada")}, {"value": None}]}]],
            id="within a map",
        ),
    ],
)
def test_a_mask_reaches_every_innermost_value(type_: Any, pii: Any, values: list[Any], masked: list[Any]) -> None:
    assert left(type_, values, pii=pii) == masked


def test_the_column_beside_a_list_says_nothing_of_a_personal_one() -> None:
    redacted = written(["null", TEXTS], [None, ["Ada"]], pii=REDACT, is_null_column=True)
    omitted = written(["null", TEXTS], [None, ["Ada"]], pii=OMIT, is_null_column=True)
    tokens = written(["null", TEXTS], [None, ["Ada"]], pii=TOKENISE, is_null_column=True)

    assert redacted.column("field_is_null").to_pylist() == [None, None]
    assert "field_is_null" not in omitted.schema.names
    assert tokens.column("field_is_null").to_pylist() == [True, False]


def contract(type_: Any, **annotations: Any) -> Contract:
    return a_contract(("field", type_, annotations))


@pytest.mark.parametrize(
    ("type_", "annotations", "where"),
    [
        pytest.param(["string", CARD], {}, r"field\.string_value: not classified", id="a plain branch"),
        pytest.param(
            ["string", a_record("Card", ("number", "string"))],
            CLEAR,
            r"field\.Card_value\.number: not classified",
            id="a field of a branch",
        ),
        pytest.param([CARD, a_record("Bank", ("iban", "string", CLEAR))], CLEAR, "as a whole", id="records as a whole"),
        pytest.param(["string", "double"], {"pii": TOKENISE}, "tokenise does not fit", id="a mask of one branch only"),
        pytest.param(["string", CARD], {"pii": LAST}, "partial does not fit", id="a mask of texts on a record"),
    ],
)
def test_a_union_that_could_leave_a_value_in_clear_is_refused(type_: Any, annotations: Any, where: str) -> None:
    with pytest.raises(ContractError, match=where):
        contract(type_, **annotations)
