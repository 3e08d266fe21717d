"""An ordinary mistake is never a bug: for any value of an option, a sentence and the code of its kind follow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
import requests
import typer
import urllib3
from google.api_core import exceptions as api_errors
from google.auth import exceptions as auth_errors

from headrace.cli.app import app, main
from headrace.config.key_files import write_key_file
from headrace.dev.pubsub_services import EmulatorMissingError
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from headrace.schemas.samples import SAMPLES
from tests.deploy.test_deploy import TOLD

FLIGHTS: Final = (
    "carrier,flight,origin,destination,scheduled_at,distance_miles,cancelled\n"
    "UA,1545,EWR,IAH,2026-11-20T05:15:00Z,1400,false\n"
)
# What a person types where a file, a number, a time or a name is asked for, and what else there may be.
FILES: Final = {
    "empty.json": b"",
    "latin-1.json": b'{"carrier": "\xe9"}\n',
    "utf-16.json": '{"carrier": "UA"}\n'.encode("utf-16"),
    "mark.json": b"\xef\xbb\xbf{}\n",
    "nul.json": b"\x00" * 100,
    "digits.json": b'{"flight": ' + b"9" * 5000 + b"}\n",
    "deep.json": b"[" * 100_000 + b"\n",
    "list.json": b"[]\n",
    "number.json": b"7\n",
    "null.toml": b'a = "\\u0000"\n',
    "digits.toml": b"a = " + b"9" * 5000 + b"\n",
    "latin-1.toml": b'a = "\xe9"\n',
}
NUMBERS: Final = ("", "0", "nan", "inf", "1e400", "9" * 5000)
TEXTS: Final = (
    *("", "9" * 5000, "\x1b[31m", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "99999999999d", "999999999d"),
    *("-5m", "2026-13-45", "headrace:x:y", "{}", "a=b", "gs://../x"),
)
PATHS: Final = (*FILES, "", "x" * 5000, "missing/file.json", "folder", "/dev/null", "good.csv/x")
SHARED: Final = ("project", "dataset", "contracts", "profile", "journal", "masking_key_file", "log_format", "format_")
# What a command needs before it looks at the option that is wrong.
NEEDED: Final[dict[str, str]] = {
    "subject": "flight_departed",
    "schema": "orders-value",
    "files": "good.csv",
    "file": "good.ndjson",
    "letter": "3f2a9c",
    "why": "a test",
    "rate": "1",
    "event_bytes": "100",
    "output": "made",
    "sql": "SELECT 1",
}
ALSO: Final[dict[tuple[str, ...], list[str]]] = {("dead-letters", "edit"): ["--patch={}"], ("down",): ["--everything"]}
# A backfill needs these unless it has --from, so the command line alone does not require them.
FILES_OF_A_BACKFILL: Final = ("subject", "files")


BUILT: Final = typer.main.get_command(app)


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    def walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield path, command
            return
        for name, each in inner.items():
            yield from walk((*path, name), each)

    yield from walk((), BUILT)


COMMANDS: Final = dict(commands())


@pytest.fixture
def place(tmp_path: Path, nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all kinds of files; no credentials, no program that could be started, no emulator."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "no-programs").mkdir()
    (tmp_path / "good.csv").write_text(FLIGHTS)
    (tmp_path / "good.ndjson").write_text("{}\n")
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")
    monkeypatch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
    monkeypatch.setattr("sys.stdin", (tmp_path / "empty.json").open())
    monkeypatch.setattr("headrace.cli.app.app", BUILT)  # built once: it takes longer than what is tried
    monkeypatch.setattr("headrace.cli.app.only_named", lambda program, words: program)
    monkeypatch.setattr("headrace.dev.bench.requirements.check_needs", _not_here)
    monkeypatch.setattr("headrace.dev.emulators.check_emulators", _not_here)
    monkeypatch.setattr("headrace.runtime.reachability._answers", lambda service, seconds: "not in this test")
    return tmp_path


def _not_here(*arguments: object, **more: object) -> Any:
    raise EmulatorMissingError("not in this test")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["headrace", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def words(option: Any) -> tuple[str, ...]:
    """What to try; what several commands read by the same function is tried whole at one of them."""
    if "Path" in str(option.type_descriptor.annotation) or option.name in ("files", "mapping", "patch"):
        return PATHS[:: 5 if option.name in (*SHARED, "plot") else 1]
    return (TEXTS if "str" in str(option.type_descriptor.annotation) else NUMBERS)[:: 4 if option.name in SHARED else 1]


def needed(path: tuple[str, ...], but: str) -> list[str]:
    """Arguments last, since some take as many as there are."""
    also = () if path != ("backfill",) or but in (*FILES_OF_A_BACKFILL, "from_") else FILES_OF_A_BACKFILL
    wanted = [each for each in COMMANDS[path].params if each.name in NEEDED and (each.required or each.name in also)]
    given = [each for each in wanted if each.name != but]
    options = [f"{each.opts[0]}={NEEDED[each.name]}" for each in given if each.opts[0].startswith("-")]
    return options + [NEEDED[each.name] for each in given if not each.opts[0].startswith("-")]


def mistakes() -> Iterator[Any]:
    for path, command in COMMANDS.items():
        for option in command.params:
            if not getattr(option, "is_flag", False) and option.name != "help":
                yield pytest.param(path, option.name, id=f"{' '.join(path)} {option.name}")


@pytest.mark.parametrize(("path", "name"), list(mistakes()))
def test_no_word_behind_an_option_is_a_bug(
    path: tuple[str, ...],
    name: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = COMMANDS[path]
    option = next(each for each in command.params if each.name == name)
    is_option = option.opts[0].startswith("-")
    for word in words(option):
        given = [f"{option.opts[0]}={word}"] if is_option else ["--", word]
        code = run(monkeypatch, *path, *needed(path, name), *given)
        shown = capsys.readouterr()
        assert code in set(Exit) - {Exit.BUG}, f"{word[:40]!r}: {shown.err}"
        assert "Traceback" not in shown.err, word
        assert code in (Exit.DONE, Exit.FOUND) or shown.err.strip(), f"{word[:40]!r}: silence"
        assert "\x1b" not in shown.err, f"{word[:40]!r} reaches the terminal as it is"


READS_NO_SETTINGS: Final = {
    ("up",): "starts the emulators of no project",
    ("init",): "writes them",
    ("contracts", "annotate"): "reads a schema, and writes a file beside it",
    ("demo",): "brings its own project, contracts and keys",
    ("bench",): "likewise",
    ("cost", "estimate"): "calculates from its options",
    ("capacity", "estimate"): "likewise",
    ("capacity", "simulate"): "likewise",
    ("capacity", "limits"): "prints a table",
    ("template", "metadata"): "prints a file of the repository",
    ("outbox", "status"): "looks into a file",
    ("doctor",): "reads them, but reports a mistake among its findings, and goes on (test_doctor.py)",
}


def test_commands_that_read_no_settings_exist() -> None:
    assert READS_NO_SETTINGS.keys() <= COMMANDS.keys()


@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - READS_NO_SETTINGS.keys()), ids=" ".join)
def test_every_command_reads_the_same_settings_file(
    path: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "headrace.toml").write_text("nothing_of_ours = 1\n")
    assert run(monkeypatch, *path, *ALSO.get(path, []), *needed(path, "")) == Exit.CONFIGURATION
    output = capsys.readouterr().err
    assert "headrace.toml" in output
    assert "nothing_of_ours" in output


NEEDS_NO_CONTRACTS: Final = READS_NO_SETTINGS | {
    ("resume",): "looks into a journal",
    ("journal", "inspect"): "likewise",
    ("tallies", "compact"): "puts lines together, whichever subjects they are of",
    ("deploy", "drain"): "prints a command",
    ("template", "build"): "prints or runs gcloud; the image has its contracts",
    ("template", "run"): "likewise",
    ("dead-letters", "list"): "shows what the archive says, and no payload",
    ("dead-letters", "discard"): "marks letters",
    ("dead-letters", "reopen"): "likewise",
    ("dead-letters", "export"): "moves letters as they are",
    ("dead-letters", "import"): "likewise",
    ("dead-letters", "history"): "tells what was done",
    ("dead-letters", "collect"): "moves letters as they are",
    ("outbox", "send"): "sends messages that are encoded already",
    ("outbox", "relay"): "likewise",
    ("query",): "asks the tables, which are there",
    ("tail",): "asks the engine, which has them",
    ("contracts", "check"): "takes their folder as its argument",
    ("contracts", "list"): "likewise",
    ("contracts", "catalog"): "likewise",
    ("contracts", "codegen"): "likewise",
    ("contracts", "publish"): "likewise",
}
NEEDS_CONTRACTS: Final = sorted(COMMANDS.keys() - NEEDS_NO_CONTRACTS.keys())
DEPLOYABLE: Final = "".join(f'{name} = "{value}"\n' for name, value in TOLD.items() if isinstance(value, str))


@pytest.mark.parametrize("path", NEEDS_CONTRACTS, ids=" ".join)
def test_every_command_that_needs_contracts_refuses_when_none_are_named(
    path: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key_file(place / "masking.key", bytes(32))
    (place / "headrace.toml").write_text(f'masking_key_file = "masking.key"\n[dataflow]\n{DEPLOYABLE}')
    monkeypatch.delenv("HEADRACE_CONTRACTS")
    assert run(monkeypatch, *path, *ALSO.get(path, []), *needed(path, "")) == Exit.CONFIGURATION
    output = capsys.readouterr().err
    assert "headrace: contracts: missing; name the folder of your .avsc files with --contracts" in output
    assert "HEADRACE_CONTRACTS" in output
    assert "headrace.toml" in output


@pytest.mark.parametrize("path", NEEDS_CONTRACTS, ids=" ".join)
def test_contracts_can_be_named_to_every_command_that_needs_them(path: tuple[str, ...]) -> None:
    assert "contracts" in [each.name for each in COMMANDS[path].params]


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.csv"), Exit.CONFIGURATION, "x.csv: no such file"),
        (OSError(28, "No space left on device", "x.json"), Exit.CONFIGURATION, "x.json: no space left on device"),
        (ConnectionRefusedError(111, "Connection refused"), Exit.UNREACHABLE, "connection refused"),
        (ModuleNotFoundError("No module named 'faker'", name="faker"), Exit.CONFIGURATION, "'headrace[local]'"),
        (ModuleNotFoundError("No module named 'simpy.x'", name="simpy.x"), Exit.CONFIGURATION, "headrace[capacity]"),
        (MemoryError(), Exit.CONFIGURATION, "too little memory"),
    ],
)
def test_what_the_system_refuses_is_its_state_and_no_bug(error: Exception, code: Exit, expected: str) -> None:
    found, sentence = explain(error)
    assert found == code
    assert expected in sentence


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (auth_errors.TransportError("no route"), Exit.UNREACHABLE),
        (auth_errors.GoogleAuthError("no credentials"), Exit.PERMISSION),
        (auth_errors.MutualTLSChannelError("no certificate"), Exit.PERMISSION),
        (auth_errors.UserAccessTokenError("no token"), Exit.PERMISSION),
        (api_errors.Unauthorized("expired"), Exit.PERMISSION),
        (api_errors.Aborted("try again"), Exit.UNREACHABLE),
        (api_errors.Cancelled("cut off"), Exit.UNREACHABLE),
        (api_errors.MovedPermanently("a proxy"), Exit.UNREACHABLE),
        (api_errors.GatewayTimeout("late"), Exit.UNREACHABLE),
        (grpc.FutureTimeoutError("late"), Exit.UNREACHABLE),
        (requests.exceptions.ProxyError("no proxy"), Exit.UNREACHABLE),
        (urllib3.exceptions.ProtocolError("reset"), Exit.UNREACHABLE),
    ],
    ids=lambda each: type(each).__name__,
)
def test_failures_of_network_and_credentials_are_no_bug(error: Exception, code: Exit) -> None:
    found, sentence = explain(error)

    assert found is code
    assert str(error) in sentence
    assert "bug" not in sentence
