"""What a page says of a terminal, and what differs each time."""

from __future__ import annotations

import pytest

from tests.support.transcripts import Step, rewritten, same, steps

PAGE = """Some prose.

```console
$ headrace dead-letters list
id          age
4dfabea50b  12s
$ true
```

```sh
$ not run
```

```console
$ echo done
done
```
"""


def test_commands_and_what_they_print_are_found_in_order() -> None:
    assert steps(PAGE) == [
        Step("headrace dead-letters list", ["id          age", "4dfabea50b  12s"]),
        Step("true"),
        Step("echo done", ["done"]),
    ]


def test_a_rewritten_page_keeps_everything_except_the_printed_output() -> None:
    new = [Step("headrace dead-letters list", ["nothing"]), Step("true"), Step("echo done", ["done"])]
    assert rewritten(PAGE, new) == PAGE.replace("id          age\n4dfabea50b  12s\n", "nothing\n")
    assert rewritten(PAGE, steps(PAGE)) == PAGE


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("4dfabea50b  12s", "0005f48756   3m"),
        ("refused 2026-11-25T02:11:48.5Z, 12s ago", "refused 2027-01-01T00:00:00Z, 3m ago"),
        ("using emulators: Pub/Sub 127.0.0.1:36583 and :33131", "using emulators: Pub/Sub 127.0.0.1:1234 and :60000"),
        ("replayed 460 letters in 0.3 s, 1,402 a second", "replayed 460 letters in 12 s, 38 a second"),
        ("00000030  48 52 2a |HR*|", "00000030  48 52 2b |HR+|"),
        ("booking_created  5,000  unknown", "booking_created  5,000  2026-11-25 02:11:00Z"),
    ],
)
def test_what_differs_each_time_is_the_same(expected: str, printed: str) -> None:
    assert same([expected], [printed])


UNKNOWN = """\
                                                        dead         complete
subject          received  written  duplicates      lettered   rows  until
booking_created     5,000    4,540           0           460  4,540  unknown
flight_departed       300      300           0             0    300  unknown
reconciled"""
KNOWN = """\
                                                      dead
subject          received  written  duplicates    lettered   rows  complete until
booking_created     5,000    4,540           0         460  4,540  2026-11-25
                                                                   02:11:48Z
flight_departed       300      300           0           0    300  unknown
reconciled"""


def test_a_table_is_the_same_whether_a_time_is_known_yet_or_not() -> None:
    assert same(UNKNOWN.splitlines(), KNOWN.splitlines())
    assert not same(UNKNOWN.splitlines(), KNOWN.replace("4,540  2026", "4,539  2026").splitlines())
    assert not same(UNKNOWN.splitlines(), KNOWN.replace("duplicates", "").splitlines())
    assert not same(UNKNOWN.splitlines(), UNKNOWN.replace("unknown", "never").splitlines())


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        (["460 letters"], ["459 letters"]),
        (["reconciled"], ["NOT reconciled"]),
        (["reconciled"], []),
        (["one", "two"], ["two", "one"]),
        (["00000030  48 |H|"], ["00000040  48 |H|"]),
        (["total: a decimal of too many bytes"], ["fare: a decimal of too many bytes"]),
    ],
)
def test_a_relevant_difference_is_not_the_same(expected: list[str], printed: list[str]) -> None:
    assert not same(expected, printed)
