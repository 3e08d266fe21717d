"""docs/errors.md lists every error, as the code has it. ``python -m tests.cli.test_error_codes`` writes the page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from typing import Final

import headrace
from headrace.errors import Exit, HeadraceError
from tests.support.paths import ROOT

PAGE: Final = ROOT / "docs" / "errors.md"
HEAD: Final = """# Error codes

Every error of Headrace has a code that never changes. A command that ends with an error prints the sentence, then the
code in brackets, and exits with the exit code of the table. All errors are subclasses of
`headrace.errors.HeadraceError`, which has both as `error_code` and `exit_code`.
"""
INTERNAL: Final = """
## Errors that become something else

These never end a command: the code that calls turns each into a dead letter, another error or a retry. One that ends a
command is a bug (exit code 70): please report it.
"""
EXITS: Final = """
## Exit codes

| Exit code | Meaning |
| --- | --- |
| 0 | Done. |
| 1 | The command ran and found what it looks for: a difference, an invalid event. |
| 2 | The command line is invalid. |
| 3 | A setting, a contract, a file or the environment needs a change. |
| 4 | A permission or a credential is missing. |
| 5 | A service cannot be reached, or did not answer in time. Try again. |
| 6 | Halted: stored rows differ from committed rows, or another engine took over. Nothing was acknowledged. |
| 70 | A bug. |
| 74 | The work is done, but stdout cannot be written: it is closed, or its disk is full. |
| 130 | Interrupted. |
| 141 | The reader of the output has gone, as in `headrace ... \\| head`. |
"""


def exceptions() -> list[type[BaseException]]:
    """Every exception class of Headrace, wherever it is."""
    found: set[type[BaseException]] = set()
    for module in pkgutil.walk_packages(headrace.__path__, "headrace."):
        if module.name.endswith("__main__"):
            continue
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, BaseException) and each.__module__ == module.name:
                found.add(each)
    return sorted(found - {HeadraceError}, key=lambda each: each.__name__)


def errors() -> list[type[HeadraceError]]:
    return sorted((each for each in exceptions() if issubclass(each, HeadraceError)), key=lambda each: each.error_code)


def meaning(error: type[HeadraceError]) -> str:
    """The first paragraph of its docstring, on one line."""
    first = (inspect.getdoc(error) or "").partition("\n\n")[0]
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", " ".join(first.replace("``", "`").split()))


def page() -> str:
    ends = [each for each in errors() if each.exit_code != Exit.BUG]
    becomes = [each for each in errors() if each.exit_code == Exit.BUG]
    return "\n".join(
        [
            HEAD,
            "| Code | Error | Exit code | Meaning |",
            "| --- | --- | --- | --- |",
            *(f"| {e.error_code} | `{e.__name__}` | {int(e.exit_code)} | {meaning(e)} |" for e in ends),
            INTERNAL,
            "| Code | Error | Meaning |",
            "| --- | --- | --- |",
            *(f"| {e.error_code} | `{e.__name__}` | {meaning(e)} |" for e in becomes),
            EXITS,
        ]
    )


def test_every_exception_is_an_error_of_headrace() -> None:
    assert [each.__qualname__ for each in exceptions() if not issubclass(each, HeadraceError)] == []


def test_no_two_errors_share_a_code() -> None:
    codes = [each.error_code for each in errors()]
    assert [code for code, count in Counter(codes).items() if count > 1] == []
    assert [code for code in codes if not re.fullmatch(r"HR-[1-9]\d\d", code)] == []


def test_the_page_lists_every_error() -> None:
    assert PAGE.read_text() == page(), "python -m tests.cli.test_error_codes writes it"


def test_the_page_lists_every_exit_code() -> None:
    assert [int(each) for each in re.findall(r"^\| (\d+) \|", EXITS, re.MULTILINE)] == sorted(Exit)


if __name__ == "__main__":
    PAGE.write_text(page())
