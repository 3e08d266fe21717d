"""docs/capacity.md shows what the commands print, and every plot that they draw is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.capacity import COSTS, PAGE, block, commands, costs

TEXT = PAGE.read_text()
BLOCKS = dict(commands(TEXT))
QUICK = [command for command in BLOCKS if "estimate" in command or "--rate 10000 " in command]  # others take too long


def found_in(text: str, pattern: str) -> str:
    """What the group of *pattern* captures."""
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def test_the_page_has_each_rate_estimated_and_simulated() -> None:
    for verb in ("estimate", "simulate"):
        rates = {found_in(each, r"--rate (\d+)") for each in BLOCKS if each.startswith(f"capacity {verb}")}
        assert rates == {"10000", "100000", "1000000"}


@pytest.mark.parametrize("command", QUICK)
def test_the_page_shows_what_the_command_prints(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "reports").mkdir(parents=True)
    assert block(command) == BLOCKS[command], "run `python -m benchmarks.capacity`"
    for plot in re.findall(r"--plot (\S+)", command):
        assert (tmp_path / plot).read_bytes() == (PAGE.parent.parent / plot).read_bytes()


def test_the_page_has_the_cost_of_every_step() -> None:
    assert COSTS.findall(TEXT) == [costs()], "run `python -m benchmarks.capacity`"


def test_every_plot_is_drawn_by_a_command_of_the_page() -> None:
    shown = set(re.findall(r"\]\((reports/[^)]+\.svg)\)", TEXT))
    drawn = {plot.removeprefix("docs/") for each in BLOCKS for plot in re.findall(r"--plot (\S+)", each)}
    assert drawn <= shown
    assert shown - drawn == {"reports/capacity-reality.svg"}  # benchmarks/reality.py


def test_what_the_page_says_of_turning_points_is_what_is_printed() -> None:
    sentences = [
        found_in(text, r"after ([\d.,]+) minutes without it")
        for each, text in BLOCKS.items()
        if "--shards" not in each and "estimate" in each
    ]
    commits = [found_in(text, r"at once after ([\d.,]+)") for text in BLOCKS.values() if "at once after" in text]
    ten, hundred, million = sentences
    words = " ".join(TEXT.split())
    assert f"{ten} at 10,000 events a second, {hundred} at 100,000, {million} at a million" in words
    assert f"here {commits[0]}." in words
