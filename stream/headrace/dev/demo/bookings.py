"""Make synthetic bookings with invented people; the same seed gives the same bookings."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from faker import Faker

SUBJECT: Final = "booking_created"
_CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ")
_CHANNELS = ("WEB", "APP", "AGENT", "OTHER")
_SPREAD: Final = timedelta(days=20)  # less than late_after


def bookings(
    count: int, now: datetime, seed: int = 7, versions: Sequence[int] = (1, 2, 2)
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield *count* events of the twenty days before today as (version, fields), of *versions* in turn.

    Only the day of *now* in UTC matters: the events are the same at each hour of a day.
    """
    chance = random.Random(seed)
    today = midnight(now)
    faker = Faker(["en_US", "de_DE", "ja_JP"])
    faker.seed_instance(seed)
    for number in range(count):
        created = (today - _SPREAD * chance.random()).replace(microsecond=chance.randrange(1_000_000))
        version = versions[number % len(versions)]
        fields = _first_version(chance, faker, created)
        if version == 2:
            fields |= _second_version(chance, faker, created)
            for passenger in fields["passengers"]:
                passenger["seat"] = chance.choice([None, f"{chance.randrange(1, 40)}{chance.choice('ABCDEF')}"])
        yield version, fields


def midnight(now: datetime) -> datetime:
    """Return the beginning of the day of *now* in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _first_version(chance: random.Random, faker: Faker, created: datetime) -> dict[str, Any]:
    segments = [_segment(chance, created) for _ in range(chance.randrange(1, 4))]
    return {
        "booking_id": UUID(int=chance.getrandbits(128), version=4),
        "created_at": created,
        "channel": chance.choice(_CHANNELS),
        "currency": faker.currency_code(),
        "total": sum((segment["fare"] for segment in segments), Decimal(0)),
        "paid": chance.random() < 0.8,
        "email": f"{chance.getrandbits(40):010x}.{faker.ascii_email()}",
        "phone": _maybe(chance, f"+1 555 {chance.randrange(1_000_000, 10_000_000)}"),
        "ip_address": _maybe(chance, chance.choice([faker.ipv4_public(), faker.ipv6()])),
        "card_number": _maybe(chance, faker.credit_card_number("visa16")),
        "passengers": [_passenger(chance, faker) for _ in range(chance.randrange(0, 4))],
        "segments": segments,
        "notes": _maybe(chance, f"{faker.sentence()} Please call {faker.name()}."),
        "labels": {word: faker.color_name() for word in faker.words(chance.randrange(0, 3), unique=True)},
    }


def _second_version(chance: random.Random, faker: Faker, created: datetime) -> dict[str, Any]:
    local = created.replace(tzinfo=None)
    contact = {"name": faker.name(), "city": _maybe(chance, faker.city()), "country": faker.country_code()}
    return {
        "customer_number": _maybe(chance, 10_000_000_000 + chance.randrange(10**10)),
        "loyalty_points": _maybe(chance, chance.randrange(0, 250_000)),
        "contact": _maybe(chance, contact),
        "discount_rate": _maybe(chance, chance.randrange(0, 8) / 16),
        "carbon_kilograms": _maybe(chance, chance.random() * 2000),
        "check_in_opens": _maybe(chance, time(chance.randrange(24), chance.randrange(60), 0, 250_001)),
        "paid_at": _maybe(chance, (created + timedelta(minutes=5)).replace(microsecond=123_000)),
        "departs_local": _maybe(chance, local + timedelta(days=9)),
        "held_until_local": _maybe(chance, (local + timedelta(days=2)).replace(microsecond=0)),
        "signature": _maybe(chance, chance.randbytes(64)),
        "checksum": _maybe(chance, chance.randbytes(8)),
        "exchange_rate": _maybe(chance, Decimal(chance.randrange(10**20)).scaleb(-18)),
        "ratings": {word: chance.randrange(1, 6) for word in faker.words(chance.randrange(0, 3), unique=True)},
        "tags": faker.words(chance.randrange(0, 4)),
    }


def _passenger(chance: random.Random, faker: Faker) -> dict[str, Any]:
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(25_000))
    return {
        "name": f"{faker.name()} {chance.getrandbits(24):06x}",
        "birth_date": _maybe(chance, born),
        "document": _maybe(chance, f"P{chance.randrange(10**8, 10**9)}"),
    }


def _segment(chance: random.Random, created: datetime) -> dict[str, Any]:
    departs = created.astimezone(UTC) + timedelta(days=chance.randrange(1, 300))
    return {
        "carrier": chance.choice(_CARRIERS),
        "flight": chance.randrange(1, 6000),
        "departs_on": departs.date(),
        "departs_at": time(departs.hour, departs.minute),
        "fare": Decimal(chance.randrange(1_000, 200_000)).scaleb(-2),
    }


def _maybe(chance: random.Random, value: Any) -> Any:
    return value if chance.random() < 0.75 else None
