"""``python -m tests.sanitize``: the tests of what is written in C, and some fuzzing, under gcc's sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from schemas.hatch_build import FLAGS, compile_all
from tests.support.paths import ROOT

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]
# The sanitizer keeps freed memory for a while; and the fallback, for which minutes become a quarter hour, has no C.
WITHOUT = "not given_back and not fallback"
# tests.support.hostile limits its processes' address space, of which the sanitizer takes terabytes.
TESTS = [
    "tests/schemas/test_decoder.py",
    "tests/schemas/json_encoding",
    "tests/schemas/event_encoding",
    "tests/producers/test_producer_values.py",
    "tests/schemas/test_unions.py",
    "tests/schemas/test_lists.py",
    "tests/schemas/test_json_text.py",
    "tests/schemas/test_recursion.py",
    "tests/steps/decode/test_columns.py",
    "tests/steps/decode/test_decode_messages.py",
    "tests/steps/decode/test_headers.py",
]


def sanitized(folder: str) -> dict[str, str]:
    """Variables for tests of the modules in *folder*, which were compiled with the sanitizers."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        "LD_PRELOAD": found.stdout.strip(),
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps what it has until it ends
        "PYTHONMALLOC": "malloc",  # or small objects would be out of the sanitizer's sight
    }


def main() -> int:
    """Compile, then run; the first error of a sanitizer ends the process that made it."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as directory:
        compile_all(ROOT / "schemas", Path(directory), problems.append, [*FLAGS, *SANITIZERS])
        if problems:
            sys.exit("\n".join(problems))
        environment = {**os.environ, **sanitized(directory)}
        loaded = "import headrace._encoder as c; print(c.__file__)"
        for command in (
            ["-c", loaded],
            ["-m", "pytest", "-q", *TESTS, "-k", WITHOUT],
            ["-m", "tests.fuzz", "--count", "20000"],
            ["-m", "tests.fuzz.json_texts", "--count", "100000"],
            ["-m", "tests.fuzz.event_values", "--count", "100000"],
        ):
            ended = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment)
            if ended.returncode:
                return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
