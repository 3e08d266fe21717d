"""Random JSON texts for a plan, good and hostile ones, and what both transcoders make of a text."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from random import Random

from headrace.schemas.errors import UndecodableError
from headrace.schemas.json_encoding.plan import Code, Node
from tests.support.fitting_json import FITTING, fitting

_TEXTS = ["", "a", "NaN", "Infinity", "-Infinity", "null", "é漢", "🙂", '"\\/', "\x00\x1f", "ÿ", "Ā", "-0", "1e3", " 1"]
_NUMBERS = [
    *("0", "-0", "1", "-1", "7", "255", "256", "2147483647", "-2147483648", "2147483648", "0.0", "1.0", "1.50", "1e2"),
    *("9007199254740991", "9007199254740992", "9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("1e18", "1e19", "1e400", "1e-400", "0e999999", "1E-9", "12.3456789", "0.1", "1.7976931348623157e308", "5e-324"),
    *("1795059750.220089000", "1795059750220", "1795059750.2200891", "0.000001", "1e-7", "123456789012345.6", "1e22"),
    *("16777217", "16777217.00000000000000000000000000000001", "3.4028235677973366e38", "3.4028235e38", "1e23"),
    *("1.401298464324817e-45", "7.006492321624085e-46", "7.0064923216240853546186479164495807e-46", "01", "1.", "+1"),
    *("12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678", "-", "1e", "--1"),
]
_DATES = ["2026-11-20", "0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "0000-01-01", "2026-13-01", "2026-1-1"]
_CLOCKS = ["05:15", "05:15:00", "05:15:00.5", "23:59:59.999999", "05:15:00.123456789", "05:15:00.123456000"]
_CLOCKS += ["24:00:00", "23:59:60", "00:00:00", "00:00:00.000", "05:15:00,25", "05:60:00", "5:15:00", "05:15:00."]
_OFFSETS = [
    "",
    "Z",
    "z",
    "+00:00",
    "-00:00",
    "+01:00",
    "-0530",
    "+23",
    "+24:00",
    "+01:60",
    " UTC",
    "+1",
    "+010",
    "+01:0",
]
_ARRAYS = [
    "[2026,11,20]",
    "[2026,11,20,5,15]",
    "[2026,11,20,5,15,30]",
    "[2026,11,20,5,15,30,123456000]",
    "[5,15]",
    "[]",
]
_ARRAYS += ["[5,15,30,123]", "[2026,2,30]", "[1,2,3,4,5,6,7,8]", "[5,15,30,1000]", "[5, 15 ,60]", "[5,null]", "[5,-1]"]
_BYTES = ['{"type":"Buffer","data":[0,255,7]}', '{"data":[1],"type":"Buffer"}', '{"type":"Buffer"}', "[1,2,3]", "[256]"]
_BYTES += [
    '{"type":"Buffer","data":[1],"data":[1]}',
    '{"type":"buffer","data":[]}',
    "[1,]",
    "[1.0]",
    '{"x":1}',
    "[0,-0]",
]
_ANY = [
    "null",
    "true",
    "false",
    "{}",
    "[]",
    '""',
    "0",
    "NaN",
    "Infinity",
    "-Infinity",
    "-",
    "nul",
    "[[]]",
    '{"a":{}}',
    "x",
]
_BLANKS = ["", "", "", " ", "\n\t ", "\r"]


class Texts:
    """Draws texts of a plan; most values fit, and one in *odd* is any value of JSON or none."""

    def __init__(self, random: Random, odd: int = 40) -> None:
        self._random = random
        self._odd = odd

    def of(self, node: Node) -> str:
        """Draw the text of one value."""
        random = self._random
        if not random.randrange(self._odd):
            return random.choice(_ANY + _NUMBERS + _ARRAYS + _BYTES)
        if (node.optional or node.null is not None or node.null_place >= 0) and not random.randrange(3):
            return "null"
        if node.tag is not None:
            tag = node.tag if random.randrange(self._odd) else "other"
            return f'{{"{tag}"{self._blank()}:{self._bare(node)}{self._blank()}}}'
        return self._bare(node)

    def _bare(self, node: Node) -> str:
        if node.code is Code.RECORD:
            return self._record(node)
        if node.code is Code.ARRAY:
            return self._joined("[", [self.of(node.children[0]) for _ in range(self._count())], "]")
        if node.code is Code.MAP:
            keys = [self._any_text() for _ in range(self._count())]
            if self._random.randrange(self._odd // 4 + 1):
                keys = list(dict.fromkeys(keys))
            return self._joined("{", [f"{key}:{self.of(node.children[1])}" for key in keys], "}")
        if node.code is Code.UNION:
            tag, place = self._random.choice(node.branches)
            return f'{{"{tag}"{self._blank()}:{self.of(node.children[place])}{self._blank()}}}'
        fits = self._random.randrange(self._odd)
        return fitting(node, self._random) if fits and node.code in FITTING else _SCALARS[node.code](self, node)

    def _record(self, node: Node) -> str:
        random = self._random
        fields = [*node.children]
        if not random.randrange(4):
            random.shuffle(fields)
        if not random.randrange(6):
            fields = [field for field in fields if random.randrange(6)]
        if not random.randrange(self._odd):
            fields.append(random.choice(node.children))
        pairs = [f"{self._quoted(field.name)}{self._blank()}:{self._blank()}{self.of(field)}" for field in fields]
        if not random.randrange(self._odd // 4 + 1):
            pairs.insert(random.randrange(len(pairs) + 1), f'"unknown":{random.choice(_ANY + _BYTES + _NUMBERS)}')
        return self._joined("{", pairs, "}")

    def _joined(self, opening: str, parts: list[str], closing: str) -> str:
        separator = f"{self._blank()},{self._blank()}"
        return f"{opening}{self._blank()}{separator.join(parts)}{self._blank()}{closing}"

    def _count(self) -> int:
        return self._random.choice((0, 0, 1, 2, 3, 70) if not self._random.randrange(10) else (0, 1, 2))

    def _blank(self) -> str:
        return self._random.choice(_BLANKS)

    def _quoted(self, text: str) -> str:
        """Write *text* with escapes in one of several ways."""
        way = self._random.randrange(8)
        if way == 0:
            units = text.encode("utf-16-be")
            return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)) + '"'
        return json.dumps(text, ensure_ascii=way < 3)

    def _any_text(self) -> str:
        random = self._random
        if not random.randrange(self._odd):
            return random.choice(['"\\ud800"', '"\\udc00\\ud800"', '"\\x"', '"\\u12"', '"\x01"', '"', '"\\', '"a\\"'])
        return self._quoted(random.choice(_TEXTS) + random.choice(["", "b", "漢" * random.randrange(30)]))

    def _number(self, node: Node) -> str:
        random = self._random
        way = random.randrange(6)
        if way == 0:
            return random.choice(_NUMBERS)
        if way == 1:
            return f'"{random.choice([*_NUMBERS, "007", ".5", "5.", "+5", "", ".", "1_0", "0x1"])}"'
        digits = str(random.randrange(10 ** random.randrange(1, max(2, min(node.precision or 10, 40)))))
        if node.code is Code.DECIMAL and node.power:
            digits += f".{random.randrange(10**node.power):0{node.power}d}"[
                : random.randrange(1, node.power + 2)
            ].rstrip(".")
        signed = random.choice(["", "-"]) + digits
        return random.choice([signed, f'"{signed}"'])

    def _floating(self, node: Node) -> str:
        random = self._random
        way = random.randrange(5)
        if way == 0:
            return random.choice([*_NUMBERS, '"NaN"', '"Infinity"', '"-Infinity"', "NaN", "-Infinity", '"nan"'])
        if way == 1:
            return f"{random.randrange(10 ** random.randrange(1, 60))}e{random.randrange(-80, 60)}"
        if way == 2:  # in the middle of two floats, and beside it
            middle = (random.randrange(2**23, 2**24) * 2 + 1) * 2.0 ** random.randrange(-173, 102)
            return f"{middle!r}" if random.randrange(2) else _nearly(middle, random)
        return repr(random.uniform(-1000, 1000)).replace("e", random.choice("eE"))

    def _octets(self, node: Node) -> str:
        random = self._random
        if not random.randrange(8):
            return random.choice([*_BYTES, self._any_text()])
        size = node.size if node.size >= 0 and random.randrange(8) else random.randrange(9)
        data = random.randbytes(min(size, 64))
        if node.code is Code.DECIMAL and random.randrange(4):
            data = random.choice([b"\0", b"\xff"]) * max(0, node.size - 2) + random.randbytes(min(2, max(1, node.size)))
        ways = [
            data.hex(),
            data.hex().upper(),
            base64.b64encode(data).decode(),
            base64.urlsafe_b64encode(data).decode(),
        ]
        ways += [
            base64.b64encode(data).decode().rstrip("="),
            data.decode("latin-1"),
            base64.b64encode(data).decode()[:-1],
        ]
        way = random.randrange(len(ways) + 2)
        if way < len(ways):
            return self._quoted(ways[way])
        numbers = json.dumps(list(data))
        return numbers if way == len(ways) else f'{{"type": "Buffer", "data": {numbers}}}'

    def _decimal(self, node: Node) -> str:
        latin1 = any(form == "latin-1" for form in node.forms)
        return self._octets(node) if latin1 else self._number(node)

    def _moment(self, node: Node) -> str:
        random = self._random
        way = random.randrange(8)
        if way == 0:
            return random.choice(_ARRAYS)
        if way < 3:
            return random.choice([*_NUMBERS, str(random.randrange(10 ** random.randrange(1, 19)))])
        day, clock = random.choice(_DATES[: 4 if random.randrange(3) else 8]), random.choice(_CLOCKS)
        zone = random.choice(_OFFSETS if random.randrange(2) else ["", "Z"])
        day_and_clock = f"{day}{random.choice('TTTt _')}{clock}{zone}"
        chosen = {Code.DATE: day, Code.TIME: clock}.get(node.code, day_and_clock)
        return self._quoted(chosen if random.randrange(8) else day_and_clock)

    def _uuid(self, node: Node) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        dashed = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return self._quoted(self._random.choice([dashed, dashed, dashed.upper(), digits, dashed[:-1], f"{digits}ffff"]))

    def _enum(self, node: Node) -> str:
        random = self._random
        if not random.randrange(6):
            return random.choice(["0", "1", "-1", "99999", '"nobody"', '""', "0.0", "1e0"])
        return self._quoted(random.choice(node.symbols))


def _nearly(middle: float, random: Random) -> str:
    """A text just beside *middle*, closer than the next double is."""
    plain = f"{middle:.200f}".rstrip("0")
    point = "" if "." in plain else "."
    return f"{plain}{point}{'0' * 30}1" if random.randrange(2) else f"{plain}{point}{'0' * 40}"


_SCALARS: dict[Code, Callable[[Texts, Node], str]] = {
    Code.BOOLEAN: lambda texts, node: texts._random.choice(["true", "false"]),
    Code.WHOLE: Texts._number,
    Code.DECIMAL: Texts._decimal,
    Code.FLOAT: Texts._floating,
    Code.DOUBLE: Texts._floating,
    Code.STRING: lambda texts, node: texts._any_text(),
    Code.BYTES: Texts._octets,
    Code.UUID: Texts._uuid,
    Code.ENUM: Texts._enum,
    Code.DATE: Texts._moment,
    Code.TIME: Texts._moment,
    Code.TIMESTAMP: Texts._moment,
    Code.LOCAL_TIMESTAMP: Texts._moment,
}


def damaged_text(random: Random, text: bytes) -> bytes:
    """*text*, mostly as it is; else cut, with bytes changed, removed, repeated, or with something behind it."""
    changed = bytearray(text)
    way = random.randrange(12)
    if way in (0, 9):
        return text[: random.randrange(len(text) + 1)]
    if way == 1:
        return text + random.choice([b"x", b" ", b"}", b"\0", b"\n\n"])
    if way == 2:
        return random.choice([b"\xef\xbb\xbf", b" ", b"\xff\xfe", b"[", b"\0"]) + text
    if way == 11 or not text:
        return text
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(changed) or 1)
        if way in (3, 6, 7):
            changed[at : at + 1] = bytes([random.choice(b'"\\{}[],:0-9.eE\x00\x1f\x80\xc3\xed\xf0\xfftfnNI ')])
        elif way in (4, 8):
            del changed[at : at + random.randrange(1, 4)]
        else:
            changed[at:at] = changed[at : at + random.randrange(1, 12)]
    return bytes(changed)


def outcome(transcode: Callable[[bytes], bytes], text: bytes) -> bytes | str:
    """The datum, or the words of the refusal."""
    try:
        return transcode(text)
    except UndecodableError as error:
        return str(error)
