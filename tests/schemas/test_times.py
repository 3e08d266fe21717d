"""Times out of texts: what denotes the same moment is taken, and no digit is lost. The oracle counts in fractions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.times import read_date, read_datetime, read_instant, read_time, without_finer
from tests.support.strategies import FIXED_PROFILE

FIRST = to_micros(datetime.min.replace(tzinfo=UTC))
LAST = to_micros(datetime.max.replace(tzinfo=UTC))
MANY = settings(FIXED_PROFILE, max_examples=400)
NUMBERS = st.integers(0, 99).map("{:02}".format)
FRACTIONS = st.just("") | st.from_regex(r"\.[0-9]{1,12}", fullmatch=True)
FRACTIONS |= st.from_regex(r"\.[0-9]{1,6}0{0,6}", fullmatch=True)
YEARS = st.sampled_from(["0000", "0001", "1970", "2026", "2028", "9999"])
DAYS = st.tuples(
    YEARS, st.sampled_from(["00", "01", "02", "12", "13"]), st.sampled_from(["00", "01", "29", "30", "31"])
)
CLOCKS = st.tuples(st.sampled_from(["00", "13", "23", "24"]), NUMBERS, st.sampled_from(["00", "59", "60", "61"]))
OFFSETS = st.just(None) | st.tuples(st.sampled_from("+-"), st.sampled_from(["00", "05", "23", "24"]), NUMBERS)


def counted(
    day: tuple[str, str, str], clock: tuple[str, str, str], fraction: str, offset: tuple[str, str, str] | None
) -> int | None:
    """Microseconds since 1970, by nothing but whole numbers and fractions; None where no microsecond is that moment."""
    year, month, of_month = map(int, day)
    hour, minute, second = map(int, clock)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if year < 1 or not 1 <= month <= 12 or not 1 <= of_month <= lengths[month - 1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 + sum(lengths[: month - 1]) + of_month
    seconds = Fraction(((days - 719_163) * 24 + hour) * 3600 + minute * 60 + second)
    if fraction:
        seconds += Fraction(int(fraction[1:]), 10 ** len(fraction[1:]))
    if offset is not None:
        sign, hours, minutes = offset
        if int(hours) > 23 or int(minutes) > 59:
            return None
        seconds -= (int(hours) * 60 + int(minutes)) * 60 * (1 if sign == "+" else -1)
    micros = seconds * 1_000_000
    return int(micros) if micros.denominator == 1 and FIRST <= micros <= LAST else None


def read(text: str) -> int | None:
    try:
        return to_micros(read_instant(text))
    except UnreadableTextError:
        return None


@MANY
@given(DAYS, CLOCKS, FRACTIONS, OFFSETS, st.booleans())
@example(("2026", "03", "14"), ("13", "00", "00"), "", ("+", "00", "60"), False)
def test_an_instant_is_read_as_fractions_count_it(
    day: tuple[str, str, str],
    clock: tuple[str, str, str],
    fraction: str,
    offset: tuple[str, str, str] | None,
    small: bool,
) -> None:
    zone = "Z" if offset is None else f"{offset[0]}{offset[1]}:{offset[2]}"
    text = f"{'-'.join(day)}T{':'.join(clock)}{fraction}{zone}"
    assert read(text.lower() if small else text) == counted(day, clock, fraction, offset)


@MANY
@given(
    st.datetimes(),
    FRACTIONS,
    OFFSETS.filter(lambda each: each is None or (each[1] < "24" and each[2] < "60")),
    st.data(),
)
def test_every_form_that_databases_write_is_the_same_time(
    moment: datetime, fraction: str, offset: tuple[str, str, str] | None, data: st.DataObject
) -> None:
    between = data.draw(st.sampled_from("Tt "))
    if offset is None:
        zone = data.draw(st.sampled_from(["Z", "z", " UTC", "UTC"]))
    else:
        sign, hours, minutes = offset
        short = [f"{sign}{hours}"] if minutes == "00" else []
        zone = data.draw(st.sampled_from([f"{sign}{hours}:{minutes}", f"{sign}{hours}{minutes}", *short]))
    text = f"{moment.date()}{between}{moment:%H:%M:%S}{fraction.replace('.', data.draw(st.sampled_from('.,')))}{zone}"
    day, clock = (moment.date().isoformat().split("-"), f"{moment:%H:%M:%S}".split(":"))
    expected = counted((day[0], day[1], day[2]), (clock[0], clock[1], clock[2]), fraction, offset)
    try:
        found: int | None = to_micros(read_datetime(text))
    except UnreadableTextError:
        found = None
    assert found == expected or not FIRST <= (found or 0) <= LAST


@MANY
@given(st.datetimes())
def test_a_local_time_and_its_parts_come_back_from_their_text(moment: datetime) -> None:
    assert read_datetime(moment.isoformat()) == moment
    assert read_datetime(moment.isoformat(" ")) == moment
    assert read_date(moment.date().isoformat()) == moment.date()
    assert read_time(moment.time().isoformat()) == moment.time()
    assert read_datetime(moment.date().isoformat()) == datetime.combine(moment.date(), time())


@MANY
@given(st.text(max_size=40) | st.from_regex("[0-9\uff10-\uff19_W:TZ.+ -]{1,30}"))
def test_any_text_is_read_or_refused_and_never_shown(text: str) -> None:
    for reader in (read_date, read_time, read_datetime, read_instant):
        message = ""
        try:
            assert isinstance(reader(text), date | time)
        except UnreadableTextError as error:
            message = str(error)
        assert len(text) < 6 or text not in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-20T05:15:00.123456789Z", "finer than a microsecond"),
        ("2026-12-31T23:59:60Z", "a leap second"),
        ("2026-02-30T00:00:00Z", "no time of any day"),
        ("2026-W47-5", "text that is not"),
        ("20261120T051500Z", "text that is not"),
        ("2026-11-20X05:15:00Z", "text that is not"),
        ("\uff12\uff1026-11-20T05:15:00Z", "text that is not"),
        ("2026-11-20T05:15:00 CET", "text that is not"),
        ("2026-11-20T24:00:00Z", "no time of any day"),
        ("2026-11-20T05:15:00+24:00", "no time of any day"),
        ("2026-11-20T05:15:00+2400", "an offset of no time zone"),
    ],
)
def test_what_says_no_time_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(UnreadableTextError) as raised:
        read_datetime(text)
    assert str(raised.value).startswith(why)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_times_of_pubsub_itself_are_cut_on_purpose() -> None:
    assert without_finer("2026-11-20T05:15:00.123456789Z") == "2026-11-20T05:15:00.123456Z"
    assert without_finer("2026-11-20T05:15:00.12Z") == "2026-11-20T05:15:00.12Z"
