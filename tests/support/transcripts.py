"""Pages that show a terminal are run: what they say a command prints is what it prints.

A ``console`` block holds commands, each after ``$ `` and its further lines after ``> ``, and below each what it prints.
What differs each time is taken as the same: times, ages, durations, rates and counts of bytes held. Ids of letters are
tied: where the page shows one, the run has another, and a later command of the page that names it is given the run's. A
letter that the page shows is tied by its event.

    python -m tests.support.transcripts PAGE

writes into the page what its commands print today.
"""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import sys
import tempfile
import termios
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from pexpect import fdpexpect, replwrap

from tests.support.paths import ROOT

COLUMNS: Final = 80
# Commands that only look are run again until they say what the page says: the job may be still at work.
LOOKING: Final = re.compile(r"headrace (dead-letters (list|show|history)|audit|query|replay .*--dry-run)(?!.*--reveal)")
PATIENCE_SECONDS: Final = 90.0
COMMAND_SECONDS: Final = 120
_BLOCK: Final = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_ID: Final = re.compile(r"\b[0-9a-f]{10}(?:[0-9a-f]{10})?\b")
_VARYING: Final = [
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:s|m|h|min|seconds?|minutes?)\b(?: ago)?"), "AGE"),
    (re.compile(r"\b[\d,]+ a second\b"), "RATE"),
    (re.compile(r"\bmessage \d+\b"), "message N"),
    (re.compile(r"(?<=\d  )(?:unknown|TIME)$"), "UNTIL"),  # a table is complete
    (re.compile(r"(127\.0\.0\.1)?:\d{4,5}\b"), "ADDRESS"),
]
# Of `headrace audit`: "complete until" is unknown or a time, as fast as the machine is.
_HEADING: Final = re.compile(
    r" *(?:(?:subject|received|written|duplicates|dropped|dead|lettered|rows|complete|until)(?: +|$))+"
)
_REST_OF_TIME: Final = re.compile(r" {40,}\d\d:\d\d:\d\dZ? *")
_SHOW: Final = re.compile(r"headrace dead-letters show ([0-9a-f]{10})\b")
_EVENT: Final = re.compile(r"^ce-id +(\S+)$", re.MULTILINE)
_LISTING: Final = "headrace dead-letters list --state all --limit 10000 --format ndjson"
_DUMP: Final = re.compile(r"([0-9a-f]{8})  [0-9a-f·].*\|")  # times are among the bytes
_NOTICE: Final = re.compile(r"\[\d+\][+-]? .*|\[\d+\] \d+")  # what the shell says of its jobs
_TERMINAL: Final = {"TERM": "xterm", "LANG": "C.UTF-8"}
_OURS: Final = re.compile("EMULATOR_HOST|^HEADRACE_(?!PUBSUB_EMULATOR_JAR)|^COLUMNS$")
# Runs a command in control of its terminal, so that Ctrl-C reaches it, also where the tests run in the background.
IN_CONTROL: Final = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_OBEYED: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Step:
    """One command and what the page says that it prints."""

    command: str
    printed: list[str] = field(default_factory=list)


class Terminal:
    """A shell in a terminal of 80 columns, as a person has it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(ours, (50, COLUMNS))
        _unechoed(theirs)
        # Not pexpect.spawn, which forks: a process that has used gRPC must not.
        bashrc = Path(replwrap.__file__).with_name("bashrc.sh")
        self._process = psutil.Popen(
            [sys.executable, "-c", IN_CONTROL, "bash", "--rcfile", str(bashrc), "-i"],
            cwd=folder,
            env=dict(environment),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        child = fdpexpect.fdspawn(ours, encoding="utf-8", timeout=COMMAND_SECONDS)
        child.echo = False  # type: ignore[attr-defined] # REPLWrapper asks for it
        prompt = "PS1='[PEXPECT\\[\\]_PROMPT>' PS2='[PEXPECT\\[\\]_PROMPT+' PROMPT_COMMAND=''"  # not as it is shown
        self._shell = replwrap.REPLWrapper(child, r"\$", prompt, extra_init_cmd="export PAGER=cat")

    def __call__(self, command: str) -> list[str]:
        """Run a command; the lines that the terminal then shows."""
        shown = self._shell.run_command(command)
        lines = [line.rsplit("\r", 1)[-1].rstrip() for line in _OBEYED.sub("", shown).replace("\r\n", "\n").split("\n")]
        lines = [line for line in lines if not _NOTICE.fullmatch(line)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def close(self) -> None:
        """End the shell and its children."""
        started = [*self._process.children(recursive=True), self._process]
        self._shell.child.close()
        for process in started:
            with suppress(psutil.NoSuchProcess):  # it ended by itself, or with its shell
                process.kill()
        self._process.wait()


def _unechoed(terminal: int) -> None:
    settings = termios.tcgetattr(terminal)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


@contextmanager
def a_terminal(folder: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal in *folder*; everything that was started there is ended."""
    terminal = Terminal(folder, environment)
    try:
        yield terminal
    finally:
        terminal.close()


def steps(page: str) -> list[Step]:
    """The commands of a page, and what it says of each."""
    found: list[Step] = []
    for block in _BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> ") and not found[-1].printed:
                found[-1].command += f"\n{line[2:]}"
            else:
                found[-1].printed.append(line)
    return found


def replay(page: str, terminal: Terminal, patience: float = PATIENCE_SECONDS) -> Iterator[tuple[Step, Step]]:
    """Run a page's commands in order: each as the page has it, and as it was."""
    ids: dict[str, str] = {}
    for step in steps(page):
        ids |= _tied_by_event(step, terminal)
        command = _renamed(step.command, ids)
        printed, until = terminal(command), time.monotonic() + patience
        while not same(step.printed, printed) and LOOKING.match(command) and time.monotonic() < until:
            printed = terminal(command)
        ids = dict(zip(_ids(step.printed), _ids(printed), strict=False)) | ids
        yield step, Step(command, printed)


def _tied_by_event(step: Step, terminal: Terminal) -> dict[str, str]:
    """A letter that the page shows is the letter of the same event: which one is shown of many is chance."""
    shown, event = _SHOW.match(step.command), _EVENT.search("\n".join(step.printed))
    if not shown or not event:
        return {}
    listed = (json.loads(line) for line in terminal(_LISTING) if line.startswith("{"))
    letter = next(each["letter_id"] for each in listed if each["event_id"] == event[1])
    return {shown[1]: letter[:10]}


def same(expected: list[str], printed: list[str]) -> bool:
    """Whether both say the same, but for what differs each time, and for how wide a table's columns are by that."""
    return [_without_varying(line) for line in _unwrapped(expected)] == [
        _without_varying(line) for line in _unwrapped(printed)
    ]


def _unwrapped(lines: list[str]) -> list[str]:
    """Times in one line, and the headings of a table in one line, sorted: a wider column makes others narrower."""
    joined: list[str] = []
    headings: list[str] = []
    for line in lines:
        if words := _HEADING.fullmatch(line):
            headings += words[0].split()
            continue
        if headings:
            joined.append(" ".join(sorted(headings)))
            headings = []
        if joined and _REST_OF_TIME.fullmatch(line):
            joined[-1] = f"{joined[-1]} {line.strip()}"
        else:
            joined.append(line)
    return [*joined, " ".join(sorted(headings))] if headings else joined


def assert_as_printed(step: Step, done: Step) -> None:
    """The command has printed what the page says."""
    expected, printed = "\n".join(step.printed), "\n".join(done.printed)
    assert same(step.printed, done.printed), f"$ {done.command}\n--- page\n{expected}\n--- terminal\n{printed}"


def _without_varying(line: str) -> str:
    line = _ID.sub("ID", _DUMP.sub(r"\1 bytes", line))
    for pattern, name in _VARYING:
        line = pattern.sub(name, line)
    return " ".join(line.split())


def _renamed(command: str, ids: Mapping[str, str]) -> str:
    return _ID.sub(lambda match: ids.get(match[0], match[0]), command)


def _ids(lines: list[str]) -> list[str]:
    return [found for line in lines if not _DUMP.fullmatch(line) for found in _ID.findall(line)]


def rewritten(page: str, steps: Iterable[Step]) -> str:
    """The page with *steps* instead of its own."""
    remaining = iter(steps)

    def block(match: re.Match[str]) -> str:
        taken = itertools.islice(remaining, sum(line.startswith("$ ") for line in match[0].splitlines()))
        return "".join(
            "$ " + step.command.replace("\n", "\n> ") + "\n" + "".join(f"{line}\n" for line in step.printed)
            for step in taken
        )

    return _BLOCK.sub(block, page)


def environment(home: Path) -> dict[str, str]:
    """A newcomer's: nothing is set, and nothing is at home."""
    kept = {name: value for name, value in os.environ.items() if not _OURS.search(name)}
    return kept | _TERMINAL | {"HOME": str(home)}


def main() -> None:
    """Write into the page what its commands print, and show it."""
    page = Path(sys.argv[1])
    text = page.read_text()
    with tempfile.TemporaryDirectory() as home, a_terminal(ROOT, environment(Path(home))) as terminal:
        done = []
        for _, step in replay(text, terminal, patience=15):
            done.append(step)
            print("\n".join([f"$ {step.command}", *step.printed]), flush=True)
    page.write_text(rewritten(text, done))


if __name__ == "__main__":
    main()
