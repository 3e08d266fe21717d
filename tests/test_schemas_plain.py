"""What is copied of callers' objects, and what is asked of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import InvalidEventError
from schemas.model import Kind
from schemas.validate_scalar import check_scalar
from tests.callers import MARKER, of_class, raising

NUMBERS = (Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE)
HELD: list[tuple[Any, tuple[Kind, ...]]] = [
    ("text", (Kind.STRING,)),
    (b"bytes", (Kind.BYTES,)),
    (7, NUMBERS),
    (7.5, (Kind.FLOAT, Kind.DOUBLE)),
    (Decimal(7), ()),
    (UUID(int=7), ()),
    ([7], ()),
    ({"a": 7}, ()),
]


@pytest.mark.parametrize(
    ("value", "kind"), [(value, kind) for value, held in HELD for kind in Kind if kind not in held], ids=str
)
def test_a_value_of_another_type_whose_every_method_raises_is_refused_without_telling_it(
    value: Any, kind: Kind
) -> None:
    unreadable = of_class(raising(type(value)), value)
    with pytest.raises(InvalidEventError) as raised:
        check_scalar(kind, unreadable, "seat")
    assert MARKER not in str(raised.value)
    assert raised.value.__context__ is None
