"""What a merge leaves behind when nobody has decided."""

from __future__ import annotations

import re
import subprocess

from tests.support.paths import ROOT

MARKERS = re.compile(rb"^(<{7} |>{7} |\|{7} |={7}$)", re.MULTILINE)


def test_no_file_has_the_marks_of_a_conflict() -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / name.decode() for name in names if name]
    assert [file.name for file in files if file.is_file() and MARKERS.search(file.read_bytes())] == []
