"""Summary of py-spy's samples of the engine's processor time, by Headrace's functions.

py-spy reads the process from outside some hundred times a second, so calls cost the same with and without it. It sees
code that runs in Python, or is called from Python and holds the interpreter's lock. It does not see gRPC's own threads,
pyarrow's work on large columns, or SQLite; they are the difference to the time of the process.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[4]  # of a clone
PACKAGES: Final = ("schemas", "stream")
RATE: Final = 200  # samples a second
_THREAD: Final = "Thread._bootstrap "
_NOBODY: Final = "(no function of ours)"


def under_py_spy(command: Sequence[str], file: Path) -> list[str]:
    """Return the command that runs *command* under py-spy until it ends, and writes the samples to *file*."""
    # Look beside the interpreter before PATH: an environment need not be activated to use its programs.
    beside = Path(sys.executable).parent / "py-spy"
    program = str(beside) if beside.exists() else shutil.which("py-spy") or "py-spy"
    options = ["--gil", "--rate", str(RATE), "--format", "raw", "--function", "--full-filenames", "--output", str(file)]
    return [program, "record", *options, "--", *command]


def has_py_spy() -> bool:
    """Return whether py-spy is installed."""
    return (Path(sys.executable).parent / "py-spy").exists() or shutil.which("py-spy") is not None


def where_it_went(stacks: Iterable[str], events: int, cpu_us: float, at_most: int = 25) -> dict[str, Any]:
    """Summarise *stacks* of *events*, each of which is ``outermost (file);...;innermost (file) count``.

    A sample counts for the innermost function of Headrace: as its own time if it is the innermost frame, otherwise as
    time of the libraries that it calls. Only threads count, because the main thread only starts and waits. *cpu_us* is
    the process's time for an event.
    """
    own: Counter[str] = Counter()
    beneath: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    for stack in stacks:
        frames, _, count = stack.rstrip().rpartition(" ")
        if not frames.startswith(_THREAD):
            continue
        names = [_name(frame) for frame in frames.split(";")]
        inner = next((name for name in reversed(names) if name is not None), _NOBODY)
        (beneath if names[-1] is None else own)[inner] += int(count)
        for name in {inner, *filter(None, names)}:
            all_[name] += int(count)

    def each(count: int) -> float:
        return round(count / RATE / events * 1e6, 3)

    lines = [
        {
            "function": name,
            "own_us": each(own[name]),
            "libraries_us": each(beneath[name]),
            "with_callees_us": each(all_[name]),
        }
        for name, _ in (own + beneath).most_common(at_most)
    ]
    return {
        "cpu_us": round(cpu_us, 2),
        "samples": own.total() + beneath.total(),
        "own_code_us": each(own.total()),
        "libraries_us": each(beneath.total()),
        "unseen_us": round(max(0.0, cpu_us - each(own.total() + beneath.total())), 2),
        "functions": lines,
    }


def _name(frame: str) -> str | None:
    """Return one of our frames as ``file:function``, and None for others."""
    function, _, place = frame.rpartition(" (")
    path = Path(place.rstrip(")"))
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
        return f"{path.relative_to(ROOT)}:{function}"
    return None
