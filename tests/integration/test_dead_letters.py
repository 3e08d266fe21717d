"""Dead letters as an operator meets them: through the command line, on the emulators."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headrace.cli.app import main
from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings
from headrace.console.archive_access import open_reader
from headrace.core.dead_letter import Reason
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.errors import Exit
from headrace.runtime.google_clients import BIGQUERY
from headrace.schemas.samples import SAMPLES
from tests.support.builders import BOOKING, BOOKING_V1, FLIGHT, a_booking, a_booking_v1, a_flight, encode
from tests.support.completion import complete
from tests.support.jobs import COMMAND
from tests.support.letters import NOW, a_letter, keep, provision_archive, with_attributes
from tests.support.pipes import without_reader

pytestmark = pytest.mark.emulators
SECRET = "ada@example.com"


@dataclass(frozen=True)
class Output:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Console:
    """A project with an archive, and the command line in this process."""

    def __init__(self, settings: Settings, capsys: Any, patch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        self._capsys = capsys
        self._patch = patch
        patch.setenv("HEADRACE_PROJECT", settings.project)
        patch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
        patch.setenv("HEADRACE_ARCHIVE_KEY_FILE", str(settings.archive_key_file))
        patch.setenv("HEADRACE_ACTOR", "ada")
        patch.setenv("COLUMNS", "80")

    def __call__(self, *arguments: str) -> Output:
        self._patch.setattr(sys, "argv", ["headrace", "dead-letters", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Output(int(ended.value.code or 0), *self._capsys.readouterr())

    def done(self, *arguments: str) -> Output:
        shown = self(*arguments)
        assert shown.code == Exit.DONE, shown.err
        assert_fits(shown)
        return shown

    def unread(self, *arguments: str) -> tuple[int, str]:
        """The exit code and the words on stderr of a command whose stdout has no reader."""
        ended = without_reader([*COMMAND, "dead-letters", *arguments])
        return ended.returncode, ended.stderr

    def keep(self, *letters: Letter) -> Sequence[Letter]:
        keep(self.settings, letters)
        return letters

    def state(self, letter: Letter) -> str:
        return str(self.reader.find(Filter(ids=(letter.id,)), 1)[0].state)

    def trail(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.done("history", "--format", "ndjson").out.splitlines()]

    @property
    def reader(self) -> Any:
        return open_reader(self.settings)


def assert_fits(shown: Output) -> None:
    """Nothing that a terminal would obey; a table is 80 columns wide at most."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown.out + shown.err)
    if not shown.out.startswith("{"):
        assert [line for line in shown.out.splitlines() if len(line) > 80] == []


@pytest.fixture
def settings(project: str, tmp_path: Path) -> Settings:
    key = write_key_file(tmp_path / "archive.key", os.urandom(32))
    return Settings(project=project, archive_key_file=key)


@pytest.fixture
def console(settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    provision_archive(settings)
    return Console(settings, capsys, monkeypatch)


def unknown_version(name: str) -> Letter:
    data = encode(BOOKING_V1, a_booking_v1())
    letter = a_letter(name, reason=Reason.UNKNOWN_SCHEMA, stage="decode", data=data)
    detail = "no contract booking_created.v9 here"
    return with_attributes(replace(letter, detail=detail), ce_dataschema="headrace:booking_created:9")


def broken(name: str) -> Letter:
    data = encode(BOOKING, a_booking())[:-20]
    return a_letter(
        name, reason=Reason.UNDECODABLE_PAYLOAD, stage="decode", data=data, detail="tags: ends in the middle"
    )


def test_letters_are_listed_the_newest_first_with_what_to_do_next(console: Console) -> None:
    console.keep(a_letter("a"), unknown_version("b"), a_letter("c", refused_at=NOW + timedelta(hours=1)))
    shown = console.done("list")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["id", "age", "reason", "subject", "detail"]
    assert lines[1].startswith(a_letter("c").id[:10])
    assert "3 letters" in shown.err
    assert f"show {a_letter('c').id[:10]}" in shown.err
    assert len(console.done("list", "--reason", "unknown_schema", "--format", "ndjson").out.splitlines()) == 1
    listed = console.done("list", "--claimed", "booking_created:9", "--json").json
    assert (listed["count"], listed["dead_letters"][0]["reason"]) == (1, "unknown_schema")
    assert "--page 2" in console.done("list", "--limit", "2").err
    assert len(console.done("list", "--limit", "2", "--page", "2").out.splitlines()) == 2
    for nobody in (["--since", "1h"], ["--until", "1d"], ["--text", "no such"], ["--source", "/x"], ["--subject", "x"]):
        assert "no letter matches" in console.done("list", *nobody).err


def test_letters_are_counted_in_groups_with_an_example(console: Console) -> None:
    console.keep(*[a_letter(f"late-{n}") for n in range(3)], unknown_version("u"))
    shown = console.done("list", "--group-by", "reason,subject,hour")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["reason", "subject", "hour", "letters", "first", "last", "example"]
    assert [line.split()[0] for line in lines[1:]] == ["too_late", "unknown_schema"]
    assert "4 letters in 2 groups" in shown.err
    groups = console.done("list", "--group-by", "reason", "--json").json["groups"]
    assert [(each["reason"], each["letters"]) for each in groups] == [("too_late", 3), ("unknown_schema", 1)]
    assert console("list", "--group-by", "colour").code == Exit.USAGE


def test_show_explains_a_letter_and_hides_what_is_personal(console: Console) -> None:
    (letter,) = console.keep(with_attributes(broken("b"), shop=SECRET))
    shown = console.done("show", letter.id[:6])
    for word in ("undecodable_payload", "stops at", "byte", "booking_created.v2", "refused", "^^", "next"):
        assert word in shown.out
    assert "docs/dead-letters/undecodable_payload.md" in shown.out
    assert "--reveal" in shown.err
    as_json = console.done("show", letter.id, "--json")
    assert as_json.json["letter"]["explanation"]["stop"]["offset"] is not None
    for each in (shown.out, as_json.out):
        assert SECRET not in each
        assert "4111111111111111" not in each


def test_what_is_revealed_is_recorded_before_it_is_shown(console: Console) -> None:
    (letter,) = console.keep(a_letter())
    refused = console("show", letter.id, "--reveal")
    assert refused.code == Exit.USAGE
    assert "--why" in refused.err
    assert console.trail() == []
    assert SECRET in console.done("show", letter.id, "--reveal", "--why", "ticket 17").out
    (line,) = console.trail()
    assert (line["action"], line["actor"], line["why"], line["outcome"]) == ("reveal", "ada", "ticket 17", "done")
    assert "revealed" in console.done("history", letter.id).out


def test_a_patch_is_shown_recorded_and_kept_beside_what_was_refused(console: Console) -> None:
    (letter,) = console.keep(a_letter())
    patch = '{"email": "eve@example.com", "total": "12.50"}'
    shown = console.done("edit", letter.id[:8], "--patch", patch, "--why", "typo")
    assert '"12.50"' in shown.out
    assert SECRET not in shown.out
    assert "eve@" not in shown.out
    assert "headrace replay" in shown.err
    (kept,) = console.reader.read([letter.id])
    assert kept.refused == letter
    assert kept.current.data == encode(BOOKING, a_booking(email="eve@example.com", total=Decimal("12.5")))
    assert "[edited]" in console.done("list").out
    assert "decode accepts it" in console.done("show", letter.id).out
    assert [each["what"] for each in console.done("history", letter.id, "--json").json["history"]] == [
        "refused",
        "edited",
    ]


def test_letters_of_an_unknown_version_are_given_one_that_fits_all_at_once(console: Console) -> None:
    console.keep(*[unknown_version(f"u{n}") for n in range(5)], broken("b"))
    arguments = ("edit", "--reason", "unknown_schema", "--as", "booking_created:1")
    asked = console(*arguments)
    assert asked.code == Exit.USAGE
    assert "--yes" in asked.err
    shown = console.done(*arguments, "--yes", "--why", "they sent v1")
    assert "edited 5 letters" in shown.err
    for kept in console.reader.read(console.reader.ids(Filter(reasons=("unknown_schema",)))):
        assert kept.current.attributes["ce-dataschema"] == "headrace:booking_created:1"
        assert kept.current.data == kept.refused.data
    assert console.trail()[0]["letters"] == 5


def test_an_edit_that_does_not_fit_names_the_field_and_no_value(console: Console) -> None:
    (letter, bad) = console.keep(a_letter(), broken("b"))
    refused = console("edit", letter.id, "--patch", '{"total": "a secret"}')
    assert refused.code == Exit.FOUND
    assert "total" in refused.err
    assert "secret" not in refused.err + refused.out
    assert "--payload" in console("edit", bad.id, "--patch", '{"total": "1"}').err
    assert console.reader.facts(letter.id) == []


def test_the_editor_gets_the_event_and_gives_it_back(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (letter,) = console.keep(a_letter())
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/window seat/aisle seat/' \"$1\"\n")
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setenv("VISUAL", str(editor))
    console.done("edit", letter.id)
    (kept,) = console.reader.read([letter.id])
    assert kept.current.data == encode(BOOKING, a_booking(notes="aisle seat"))
    assert [each["action"] for each in console.reader.facts(letter.id)] == ["revealed", "edited"]


def test_an_edit_is_recorded_although_nobody_reads_its_differences(console: Console) -> None:
    one, another = console.keep(a_letter("a"), a_letter("b"))
    code, said = console.unread("edit", one.id, "--patch", '{"notes": "aisle seat"}')
    assert (code, "edited 1 letter" in said) == (Exit.DONE, True), said
    (kept,) = console.reader.read([one.id])
    assert kept.current.data == encode(BOOKING, a_booking(notes="aisle seat"))

    code, said = console.unread("edit", "--reason", "too_late", "--patch", '{"notes": "window"}')
    assert (code, "nothing was changed" in said, "--yes" in said) == (Exit.USAGE, True, True), said
    assert console.reader.facts(another.id) == []
    code, said = console.unread("edit", "--reason", "too_late", "--patch", '{"notes": "window"}', "--yes")
    assert (code, "edited 2 letters" in said) == (Exit.DONE, True), said


def test_without_an_editor_nothing_is_recorded_and_the_options_are_named(console: Console) -> None:
    (letter,) = console.keep(a_letter())
    ended = without_reader([*COMMAND, "dead-letters", "edit", letter.id], {"EDITOR": "", "VISUAL": ""})
    assert (ended.returncode, "--patch" in ended.stderr) == (Exit.CONFIGURATION, True), ended.stderr
    assert console.reader.facts(letter.id) == []


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["list", "--group-by", "reason"], ["history", "--json"]]
)
def test_a_list_without_a_reader_ends_silently(console: Console, command: list[str]) -> None:
    console.keep(a_letter("a"), broken("b"))
    code, said = console.unread(*command)
    assert code == Exit.READER_GONE
    assert "Traceback" not in said
    assert "nobody" not in said


def test_a_letter_without_a_reader_is_shown_silently_and_what_was_to_be_revealed_is_recorded(console: Console) -> None:
    (letter,) = console.keep(a_letter())
    assert console.unread("show", letter.id)[0] == Exit.READER_GONE
    assert console.unread("show", letter.id, "--reveal", "--why", "ticket 17")[0] == Exit.READER_GONE
    assert [each["action"] for each in console.reader.facts(letter.id)] == ["revealed"]


def test_an_export_without_a_reader_is_recorded_as_interrupted(console: Console) -> None:
    console.keep(a_letter(data=b"x" * 200_000))
    assert console.unread("export", "--file", "-", "--why", "to move")[0] == Exit.READER_GONE
    assert [each["outcome"] for each in console.trail()] == ["interrupted"]


def test_discarding_needs_a_reason_and_is_taken_back_by_reopening(console: Console) -> None:
    (letter, other) = console.keep(a_letter("a"), a_letter("b"))
    assert console("discard", letter.id).code == Exit.USAGE
    assert console("discard", "--why", "x").code == Exit.USAGE
    assert "discarded 1 letter" in console.done("discard", letter.id, "--why", "a test").err
    assert (console.state(letter), console.state(other)) == ("discarded", "open")
    assert "not open" in console.done("discard", letter.id, "--why", "again").err
    assert "reopened 1 letter" in console.done("reopen", letter.id).err
    assert console.state(letter) == "open"
    assert "discarded 2 letters" in console.done("discard", "--reason", "too_late", "--why", "old", "--yes").err
    entries = console.done("history", letter.id, "--json").json["history"]
    assert [each["what"] for each in entries] == ["refused", "discarded", "reopened", "discarded"]


def test_an_export_comes_back_as_it_was_and_twice_changes_nothing(
    console: Console, tmp_path: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = console.keep(a_letter("a"), broken("b"), a_letter("c", data=os.urandom(9_000_000)))
    console.done("edit", letters[0].id, "--patch", '{"notes": "aisle"}')
    console.done("discard", letters[1].id, "--why", "broken")
    file = tmp_path / "letters.ndjson"
    assert console("export", "--file", str(file)).code == Exit.USAGE
    console.done("export", "--file", str(file), "--why", "to move")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert console("export", "--file", str(file), "--why", "again").code == Exit.USAGE
    before = {kept.refused.id: kept for kept in console.reader.read([each.id for each in letters])}

    elsewhere = Settings(project=f"{project}-2", archive_key_file=console.settings.archive_key_file)
    provision_archive(elsewhere)
    monkeypatch.setenv("HEADRACE_PROJECT", elsewhere.project)
    assert "imported 3 letters" in console.done("import", str(file)).err
    assert "imported 0 letters; 3 were in the archive already" in console.done("import", str(file)).err
    after = {kept.refused.id: kept for kept in open_reader(elsewhere).read([each.id for each in letters])}
    assert after == before
    assert {line["action"] for line in console.trail()} == {"import"}


def test_a_broken_line_of_an_import_is_named(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "letters.ndjson"
    file.write_text('{"headrace_letter": 1, "id": "a secret"}\n')
    refused = console("import", str(file))
    assert refused.code == Exit.FOUND
    assert "line 1" in refused.err
    assert "secret" not in refused.err


def test_an_unknown_or_ambiguous_id_is_reported_in_a_sentence(console: Console) -> None:
    console.keep(a_letter("a", id="abcd" + "0" * 16), a_letter("b", id="abcd" + "1" * 16))
    for given, message in [("abcd", "2 ids begin with it"), ("ffff", "not found in"), ("'; drop", "invalid id")]:
        shown = console("show", given)
        assert shown.code == Exit.USAGE
        assert message in shown.err


def test_an_archive_or_key_that_is_missing_is_a_sentence(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    (letter,) = console.keep(a_letter())
    monkeypatch.delenv("HEADRACE_ARCHIVE_KEY_FILE")
    assert letter.id[:10] in console.done("list").out
    shown = console("show", letter.id)
    assert shown.code == Exit.CONFIGURATION
    assert "archive_key_file" in shown.err
    monkeypatch.setenv("HEADRACE_ARCHIVE_DATASET", "nowhere")
    missing = console("list")
    assert missing.code == Exit.CONFIGURATION
    assert "headrace provision" in missing.err


def test_a_letter_without_a_contract_is_shown_all_the_same(console: Console) -> None:
    foreign = a_letter("x", reason=Reason.UNEXPLAINED, subject="", attributes={"who": "knows"}, data=b"\x1b[31m")
    flight = a_letter("f", FLIGHT, data=encode(FLIGHT, a_flight()))
    console.keep(foreign, flight)
    assert "docs/dead-letters/unexplained.md" in console.done("show", foreign.id).out
    assert "next" in console.done("show", flight.id).out


OVERRIDE, ESCAPES = "\u202e\u2066\u200b", "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n"
FORMULA = '=HYPERLINK("http://x")'


def hostile(number: int) -> Letter:
    """A letter whose every text is out to harm its reader; a few are as large as Pub/Sub allows."""
    nasty = (ESCAPES, OVERRIDE, FORMULA, "\u0000\u0007", "'; DROP TABLE letters; --", "\u00e9\U0001f600" * 20)[
        number % 6
    ]
    attributes = {f"{nasty}{n}"[:200]: nasty for n in range(number % 4)}
    if number % 250 == 0:
        attributes |= {f"n{n:02}": "x" * 1024 for n in range(90)}
    return a_letter(
        f"hostile-{number}",
        attributes={"ce-id": f"{nasty}{number}", "ce-source": nasty, "ce-dataschema": nasty, **attributes},
        data=os.urandom(2**20) if number % 100 == 0 else (nasty * 9).encode(),
        reason=list(Reason)[number % len(Reason)],
        detail=f"{nasty} {number}",
        subject=nasty if number % 5 == 0 else "booking_created",
        stage=nasty,
        pipeline=nasty,
        source_subscription=nasty,
        message_id=f"{number}{nasty}",
        ordering_key=nasty,
    )


def test_a_thousand_hostile_letters_are_looked_at_and_moved_unharmed_and_harmless(
    console: Console, tmp_path: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = {each.id: each for each in console.keep(*map(hostile, range(1000)))}
    for page in range(1, 5):
        console.done("list", "--limit", "250", "--page", str(page))
    console.done("list", "--limit", "1000", "--format", "ndjson")
    console.done("list", "--group-by", "reason,subject,source,claimed")
    for number in range(0, 1000, 110):
        shown = console.done("show", hostile(number).id)
        console.done("show", hostile(number).id, "--json")
        assert "docs/dead-letters/" in shown.out
    for number in range(6):
        console.done("show", hostile(number).id, "--reveal", "--why", ESCAPES)
    console.done("discard", hostile(1).id, "--why", OVERRIDE)
    console.done("history", hostile(1).id)
    console.done("history")
    file = tmp_path / "letters.ndjson"
    console.done("export", "--file", str(file), "--why", "to move")
    assert file.read_bytes().isascii()

    elsewhere = Settings(project=f"{project}-2", archive_key_file=console.settings.archive_key_file)
    provision_archive(elsewhere)
    monkeypatch.setenv("HEADRACE_PROJECT", elsewhere.project)
    assert "imported 1,000 letters" in console.done("import", str(file)).err
    assert "imported 0 letters" in console.done("import", str(file)).err
    reader = open_reader(elsewhere)
    ids = reader.ids(Filter())
    assert len(ids) == len(letters)
    for start in range(0, 1000, 100):
        for kept in reader.read(ids[start : start + 100]):
            assert kept.refused == letters[kept.refused.id]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes_ids_of_letters(console: Console, tmp_path: Path, shell: str) -> None:
    kept, _ = console.keep(a_letter("m1"), a_letter("m2"))
    variables = {"HEADRACE_PROJECT": console.settings.project, BIGQUERY: os.environ[BIGQUERY]}

    def offered() -> str:
        return " ".join(complete(f"headrace dead-letters show {kept.id[:6]}", tmp_path, shell, **variables))

    shown = next(filter(None, (offered() for _ in range(10))), "")  # the archive has a second to answer each time
    assert kept.id[:10] in shown
    if shell == "zsh":
        assert kept.reason in shown, "zsh shows what a value means"
