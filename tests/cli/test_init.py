"""``headrace init`` as a person meets it, in a terminal and without one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import Exit
from tests.support.jobs import COMMAND
from tests.support.terminals import in_terminal

pytestmark = pytest.mark.usefixtures("nothing_set")
ENTER, CTRL_C, CTRL_D = "", "\x03", "\x04"


def run(*arguments: str, code: Exit = Exit.DONE) -> tuple[str, str]:
    """The command without a terminal: what it printed, and what it said."""
    command = [*COMMAND, "init", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


class Asked:
    """The command in a terminal."""

    def __init__(self, child: Any, process: subprocess.Popen[bytes]) -> None:
        self.child, self._process = child, process

    def expect(self, *texts: str) -> None:
        for text in texts:
            self.child.expect_exact(text)

    def answer(self, question: str, answer: str) -> None:
        self.expect(f"{question}: ")
        self.child.sendline(answer)

    def end(self) -> int:
        """The exit code."""
        return int(self._process.wait(30))


@contextmanager
def asked(*arguments: str) -> Iterator[Asked]:
    environment = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    with in_terminal([*COMMAND, "init", *arguments], environment) as (child, process):
        yield Asked(child, process)


def contract(folder: Path = Path()) -> Any:
    (file,) = folder.glob("contracts/*.avsc")
    return file.name, json.loads(file.read_text())


def written() -> dict[Path, int]:
    """When each file and folder was last changed."""
    return {path: path.stat().st_mtime_ns for path in Path().rglob("*")}


def names(avro: Any) -> list[str]:
    return [each["name"] for each in avro["fields"]]


def test_without_a_terminal_it_asks_nothing_and_takes_the_documented_defaults() -> None:
    out, err = run()
    name, avro = contract()
    assert (name, names(avro)) == ("order_placed.v1.avsc", ["order_id", "amount", "email", "occurred_at"])
    assert 'project = "my-project"' in Path("headrace.toml").read_text()
    assert "README.md" in out
    assert "\nheadrace up  " in err
    assert "Events of order_placed are identified by order_id, and happen at occurred_at" in err


def test_options_give_every_word_of_the_contract() -> None:
    fields = ["--field", "reading:long", "--field", "sensor_id:uuid", "--field", "at:timestamp"]
    words = ["--doc", "A sensor was read.", "--owner", "plant 3", "--table", "readings", "--identity", "reading"]
    run("there", "--subject", "sensor_read", *fields, *words, "--event-time", "at", "--project", "plant-3")
    name, avro = contract(Path("there"))
    assert (name, names(avro)) == ("sensor_read.v1.avsc", ["reading", "sensor_id", "at"])
    assert avro["doc"] == "A sensor was read. Owner: plant 3."
    assert (avro["headrace"]["table"], avro["headrace"]["identity"]) == ("readings", ["reading"])
    assert 'project = "plant-3"' in Path("there/headrace.toml").read_text()


def test_json_is_one_object_with_files_and_next_commands_and_no_key() -> None:
    out, err = run("our events", "--json")
    shown = json.loads(out)
    assert err == ""
    assert (shown["folder"], shown["finished"]) == (str(Path("our events").resolve()), False)
    assert (shown["subject"], shown["table"], shown["event_time"]) == ("order_placed", "order_placed", "occurred_at")
    assert (shown["identity"], shown["masked"]) == (["order_id"], ["email"])
    assert {each["file"] for each in shown["files"]} == {
        str(path.relative_to("our events")) for path in Path("our events").rglob("*") if path.is_file()
    }
    assert shown["next"][:3] == ["cd 'our events'", "headrace test", "headrace up"]
    assert Path("our events/archive.key").read_bytes().hex() not in out


def test_a_second_project_in_the_same_folder_is_refused_with_the_remedy() -> None:
    run()
    before = written()
    _, err = run(code=Exit.CONFIGURATION)
    assert "nothing is overwritten; name an empty folder, such as `headrace init my-events` [HR-313]" in err
    assert written() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--subject", "Order"], "--subject Order: not the name of a subject; use 3 to 100 lower-case letters"),
        (["--field", "a:strng"], "--field a:strng: no such type; did you mean string? [HR-312]"),
        (["--project", "My Project"], "--project My Project: not the id of a project; use 4 to 63 lower-case letters"),
        (["--table", "T"], "--table: invalid name; use at most 128 lower-case letters, digits and _"),
        (["a\nb"], "its path has a control character; name another folder [HR-313]"),
    ],
)
def test_a_wrong_word_is_answered_with_the_rule_and_nothing_is_written(arguments: list[str], expected: str) -> None:
    _, err = run(*arguments, code=Exit.CONFIGURATION if "\n" in arguments[0] else Exit.USAGE)
    assert expected in err
    assert [*Path().iterdir()] == []


def test_an_interrupted_project_is_finished_before_anything_else() -> None:
    Path(".headrace-init").mkdir()
    Path(".headrace-init/headrace.toml").write_text("mine")
    _, err = run("--subject", "other_event")
    assert "finished the project that an interrupted `headrace init` had begun" in err
    assert [path.name for path in Path().iterdir()] == ["headrace.toml"]


def test_in_a_folder_of_a_repository_it_says_where_the_workflow_belongs() -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    _, err = run("events")
    assert "move .github/workflows/headrace.yml there" in err
    assert 'working-directory: "events"' in Path("events/.github/workflows/headrace.yml").read_text()


def test_on_a_terminal_it_asks_and_answers_a_mistake_with_the_rule() -> None:
    with asked() as terminal:
        terminal.answer("Name of the event [order_placed]", "Sensor read")
        terminal.expect("not the name of a subject; use 3 to 100 lower-case letters, digits and _")
        terminal.answer("Name of the event [order_placed]", "sensor_read")
        terminal.expect("Fields, one a line: name:type", "Types: string, ")
        terminal.answer("field", "sensor_id:uuid")
        terminal.answer("field", "naïve:string")
        terminal.expect("invalid name 'naïve'; use at most 128 letters, digits and _")
        terminal.answer("field", "name:string:masked")
        terminal.answer("field", "Name:string")
        terminal.expect("named twice; rename one")
        terminal.answer("field", ENTER)
        terminal.answer("Google Cloud project [my-project]", "plant")
        terminal.expect("headrace.toml", "next:", "headrace up", "README.md has these commands")
        assert terminal.end() == Exit.DONE
    name, avro = contract()
    assert (name, names(avro)) == ("sensor_read.v1.avsc", ["sensor_id", "name", "occurred_at"])


def test_enter_takes_every_default() -> None:
    with asked() as terminal:
        terminal.answer("Name of the event [order_placed]", ENTER)
        terminal.answer("field", ENTER)
        terminal.answer("Google Cloud project [my-project]", ENTER)
        assert terminal.end() == Exit.DONE
    assert names(contract()[1]) == ["order_id", "amount", "email", "occurred_at"]


def test_what_options_give_is_not_asked() -> None:
    with asked("--subject", "sensor_read", "--field", "sensor_id:uuid") as terminal:
        terminal.answer("Google Cloud project [my-project]", ENTER)
        assert terminal.end() == Exit.DONE
    with asked("there", "--yes") as terminal:
        assert terminal.end() == Exit.DONE


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_an_interrupt_at_a_question_writes_nothing_and_says_so(key: str) -> None:
    with asked("there") as terminal:
        terminal.answer("Name of the event [order_placed]", ENTER)
        terminal.expect("field: ")
        terminal.child.send(key)
        terminal.expect("nothing was written")
        assert terminal.end() == Exit.INTERRUPTED
    assert [*Path().iterdir()] == []


def test_nobody_is_asked_when_the_folder_cannot_be_used() -> None:
    Path("headrace.toml").touch()
    with asked() as terminal:
        terminal.expect("has a project already (headrace.toml), and nothing is")
        assert terminal.end() == Exit.CONFIGURATION
