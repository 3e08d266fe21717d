"""Random values of a plan's scalars in JSON, each in a form that the convention accepts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from headrace.schemas.json_encoding.forms import UNITS, Form
from headrace.schemas.json_encoding.plan import Code, Node

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {Form.MILLIS: 3, Form.MICROS: 6, Form.NANOS: 9}


def fitting(node: Node, random: Random) -> str:
    """A value of *node* in one of its forms."""
    return FITTING[node.code](node, random)


def _number(node: Node, random: Random) -> str:
    form = random.choice(sorted(node.forms))
    if node.code is Code.WHOLE:
        safe = min(node.high, 2**53 - 1) if form is Form.SAFE_NUMBER else node.high
        number = random.choice([random.randrange(-safe, safe + 1), random.randrange(100), -safe, safe])
        text = random.choice([f"{number}", f"{number}.00", f"{number}e0"])
    else:
        most = min(node.precision, 15) if form is Form.SAFE_NUMBER else node.precision
        number = random.choice([random.randrange(10 ** random.randrange(1, most + 1)), 10**most - 1])
        digits = f"{number:0{node.power + 1}d}"
        point = f"{digits[: -node.power]}.{digits[-node.power :]}" if node.power else digits
        text = random.choice(["", "-"]) + random.choice([point, f"{number}e-{node.power}"])
    return f'"{text}"' if form is Form.TEXT else text


def _octets(node: Node, random: Random) -> str:
    form = random.choice(sorted(node.forms))
    data = random.randbytes(random.randrange(9) if node.size < 0 else node.size)
    if node.code is Code.DECIMAL and form not in (Form.LATIN1, Form.BASE64):
        return _number(node, random)
    if node.code is Code.DECIMAL:
        limit = 10**node.precision
        number = random.randrange(1 - limit, limit)
        shortest = (number if number >= 0 else ~number).bit_length() // 8 + 1
        exact = node.size >= 0 and (form is Form.LATIN1 or random.randrange(2))
        length = node.size if exact else shortest
        data = number.to_bytes(length, "big", signed=True)
    if form is Form.HEX:
        return f'"{data.hex()}"'
    if form is Form.LATIN1:
        return json.dumps(data.decode("latin-1"), ensure_ascii=bool(random.randrange(2)))
    if form is Form.OCTETS:
        return json.dumps([*data])
    if form is Form.BUFFER:
        return json.dumps({"type": "Buffer", "data": [*data]})
    coded = (base64.b64encode if form is Form.BASE64 else base64.urlsafe_b64encode)(data).decode()
    return f'"{random.choice([coded, coded.rstrip("=")])}"'


def _moment(node: Node, random: Random) -> str:
    form = random.choice(sorted(node.forms))
    micros = random.randrange(-62_135_596_800_000_000, 253_402_300_800_000_000)
    if node.code is Code.TIME:
        micros %= 86_400_000_000
    micros -= micros % (1000 if node.digits == 3 else 1)
    moment = _EPOCH + timedelta(microseconds=micros)
    if form in UNITS:
        return _units(node, form, micros)
    if form in (Form.ARRAY, Form.ARRAY_MILLIS):
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        part = moment.microsecond // 1000 if form is Form.ARRAY_MILLIS else moment.microsecond * 1000
        day, clock = [moment.year, moment.month, moment.day], [moment.hour, moment.minute, moment.second, part]
        return json.dumps({Code.DATE: day, Code.TIME: clock}.get(node.code, day + clock))
    return f'"{_text(node, form, moment, random)}"'


def _units(node: Node, form: Form, micros: int) -> str:
    if node.code is Code.DATE:
        return str(micros // 86_400_000_000)
    if form is Form.AVRO:
        return str(micros if node.digits == 6 else micros // 1000)
    sign, size = "-" if micros < 0 else "", abs(micros)
    digits = _PER_SECOND.get(form, 0)
    if digits >= 6:
        return f"{sign}{size}{'0' * (digits - 6)}"
    unit = 10 ** (6 - digits)
    return f"{sign}{size // unit}.{size % unit:0{6 - digits}d}"


def _text(node: Node, form: Form, moment: datetime, random: Random) -> str:
    day, clock = f"{moment:%Y-%m-%d}".rjust(10, "0"), f"{moment:%H:%M:%S}"
    fraction = (
        f".{moment.microsecond:06d}" + "0" * random.randrange(4) if moment.microsecond else random.choice(["", ".0"])
    )
    if node.code is Code.DATE:
        return day if form is Form.TEXT else f"{day}T00:00:00{random.choice(['', 'Z', '.000Z', '+00:00'])}"
    if node.code is Code.TIME:
        return clock + fraction
    zone = (
        ""
        if node.code is Code.LOCAL_TIMESTAMP or form is Form.UTC_TEXT
        else random.choice(["Z", "z", "+00:00", "-0000"])
    )
    if zone and 1 < moment.year < 9999 and random.randrange(2):
        moved = moment + timedelta(minutes=330)
        return f"{moved:%Y-%m-%d}".rjust(10, "0") + f"T{moved:%H:%M:%S}{fraction}{random.choice(['+05:30', '+0530'])}"
    return f"{day}{random.choice('Tt ')}{clock}{fraction}{zone}"


def _uuid(node: Node, random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    dashed = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return f'"{dashed if random.choice(sorted(node.forms)) is Form.DASHED else digits}"'


def _enum(node: Node, random: Random) -> str:
    index = random.randrange(len(node.symbols))
    return str(index) if random.choice(sorted(node.forms)) is Form.INDEX else f'"{node.symbols[index]}"'


FITTING: dict[Code, Callable[[Node, Random], str]] = {
    Code.BOOLEAN: lambda node, random: random.choice(["true", "false"]),
    Code.WHOLE: _number,
    Code.DECIMAL: _octets,
    Code.BYTES: _octets,
    Code.UUID: _uuid,
    Code.ENUM: _enum,
    Code.DATE: _moment,
    Code.TIME: _moment,
    Code.TIMESTAMP: _moment,
    Code.LOCAL_TIMESTAMP: _moment,
}
