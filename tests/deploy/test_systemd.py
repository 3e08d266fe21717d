"""The systemd unit: systemd accepts it, it is hardened, and the engine runs under its limits."""

from __future__ import annotations

import configparser
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from headrace.config.key_files import read_masking_key, write_key_file
from headrace.config.settings import Settings
from headrace.engine.journal import Journal
from headrace.errors import Exit
from tests.support.paths import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "headrace.service"
PAGE = (ROOT / "docs" / "deploy-engine.md").read_text()
MOST_EXPOSED: Final = 1.5  # of 10, as systemd rates it
ANALYZE = shutil.which("systemd-analyze")
WITH_ANALYZE = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")


def directives() -> dict[str, list[str]]:
    """The directives of [Service], each with all its values."""
    found: dict[str, list[str]] = defaultdict(list)
    _, _, service = UNIT.read_text().partition("[Service]\n")
    for line in service.partition("\n[Install]")[0].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def environment() -> dict[str, str]:
    return dict(each.split("=", 1) for each in directives()["Environment"])


def analyse(*arguments: str, unit: str | None = None) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says of the unit with a program that exists."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / UNIT.name
        text = unit or UNIT.read_text()
        path.write_text(text.replace("/opt/headrace/bin/headrace", sys.executable))
        command = [str(ANALYZE), *arguments, str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


@WITH_ANALYZE
def test_systemd_accepts_every_directive() -> None:
    good = analyse("verify", "--man=no")
    assert (good.returncode, good.stderr) == (0, "")
    wrong = UNIT.read_text().replace("ProtectHome=yes", "ProtectHouse=yes")
    assert "ProtectHouse" in analyse("verify", "--man=no", unit=wrong).stderr


@WITH_ANALYZE
def test_systemd_rates_the_unit_as_hardened_as_the_page_promises() -> None:
    rated = analyse("security", "--offline=yes", "--no-pager")
    found = re.search(r"exposure level for headrace\.service: ([0-9.]+)", rated.stdout)
    assert found is not None, rated.stderr
    assert float(found[1]) < MOST_EXPOSED
    assert f"rates its exposure below {MOST_EXPOSED} of 10" in PAGE


def test_the_unit_is_one_of_systemd() -> None:
    """Without systemd-analyze, the sections and the form of each line."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert {
        name for section in parser for name in parser[section] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)
    } == set()


def test_variables_are_settings_and_the_journal_lies_in_the_folder_that_systemd_makes() -> None:
    variables = environment()
    settings = {each.removeprefix("HEADRACE_").lower() for each in variables if each.startswith("HEADRACE_")}
    assert settings <= set(Settings.model_fields)
    assert Path(variables["HEADRACE_JOURNAL"]).parent == Path("/var/lib") / directives()["StateDirectory"][0]
    name, _, path = directives()["LoadCredential"][0].partition(":")
    assert variables["HEADRACE_MASKING_KEY_FILE"] == f"%d/{name}"
    assert f"> {path})'" in PAGE, "the page makes the key there"


def test_a_drain_has_more_time_than_it_can_take() -> None:
    append_seconds = Settings.model_fields["append_seconds"].default
    assert int(directives()["TimeoutStopSec"][0]) >= append_seconds + 60
    assert directives()["KillSignal"] == ["SIGTERM"]


def test_only_exits_that_need_a_person_are_not_restarted() -> None:
    codes = {int(code) for code in directives()["RestartPreventExitStatus"][0].split()}
    assert codes == {Exit.USAGE, Exit.HALTED}
    assert directives()["Restart"] == ["on-failure"]
    restarts = float(directives()["RestartSec"][0])
    assert 2 * restarts > Settings.model_fields["lease_seconds"].default, (
        "a second try comes after a dead engine's claim"
    )


def test_the_account_exists_before_the_unit_needs_it() -> None:
    (line,) = (FOLDER / "headrace.sysusers.conf").read_text().splitlines()
    kind, name, *_, home = line.split()
    assert (kind, name, home) == ("u", directives()["User"][0], "/var/lib/headrace")
    assert directives()["User"] == directives()["Group"]


def test_the_commands_of_the_page_copy_files_that_exist() -> None:
    named = set(re.findall(r"deploy/systemd/[\w.]+", PAGE))
    assert named == {f"deploy/systemd/{each.name}" for each in FOLDER.iterdir()}


@pytest.mark.parametrize(("mode", "owner"), [(0o400, 0), (0o440, 1)], ids=["its own file", "root's, by an access list"])
def test_a_credential_of_systemd_is_a_key_that_the_engine_reads(mode: int, owner: int, tmp_path: Path) -> None:
    """systemd gives the file to the account, or leaves it root's and lets the account read it by an access list,
    which shows as the mode of the group."""
    key = tmp_path / "masking_key"
    write_key_file(key, bytes(32))
    if owner:
        if os.getuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(key, 12345, 12345)
    key.chmod(mode)
    assert len(read_masking_key(key)) == 32


_LIMITED: Final = """
import ctypes, json, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
REFUSE_EXECUTABLE = 65, 1  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
assert libc.prctl(*REFUSE_EXECUTABLE, 0, 0, 0) == 0
import mmap
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
    print(json.dumps("writable and executable")); sys.exit()
except PermissionError:
    pass
import headrace.cli.commands.run, headrace.engine.build
import pyarrow.compute as pc, pyarrow as pa, grpc, numpy, cryptography.hazmat.primitives.ciphers.aead as aead
from google.cloud import bigquery, bigquery_storage_v1
from google.pubsub_v1 import SubscriberClient
grpc.insecure_channel("127.0.0.1:1").close()
print(json.dumps(pc.sum(pa.array(numpy.arange(4))).as_py()))
"""


def _kernel_refuses() -> bool:
    """Whether this kernel knows PR_GET_MDWE."""
    return bool(ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) >= 0)


@pytest.mark.skipif(not _kernel_refuses(), reason="the kernel cannot refuse executable memory")
def test_the_engine_needs_no_memory_that_is_writable_and_executable() -> None:
    assert directives()["MemoryDenyWriteExecute"] == ["yes"]
    done = subprocess.run([sys.executable, "-c", _LIMITED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == 6


def test_the_journal_takes_the_folder_of_the_state(tmp_path: Path) -> None:
    state = tmp_path / "headrace"
    state.mkdir(mode=int(directives()["StateDirectoryMode"][0], 8))
    Journal.open(state / Path(environment()["HEADRACE_JOURNAL"]).name).close()
