"""Dockerfiles and the compose file. Nothing here builds an image: what can be read is checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from headrace.config.settings import Settings
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from tests.support.paths import ROOT

BIN = Path(sys.executable).parent
DOCKERFILES = sorted(ROOT.glob("docker/*/Dockerfile"))
COMPOSE = ROOT / "docker" / "compose.yaml"
PAGE = (ROOT / "docs" / "images.md").read_text()
DOCKERFILE = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def of(dockerfile: Path, word: str) -> list[str]:
    return [rest for each, rest in instructions(dockerfile) if each == word]


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "hadolint", "-"], input=text, capture_output=True, text=True)


def test_there_are_three_images_and_the_page_names_each() -> None:
    assert [path.parent.name for path in DOCKERFILES] == ["bigquery-emulator", "flex", "service"]
    assert [path for path in DOCKERFILES if f"`{path.relative_to(ROOT)}`" not in PAGE] == []


@DOCKERFILE
def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    assert hadolint(dockerfile.read_text()).stdout == ""
    assert "DL3002" in hadolint(dockerfile.read_text() + "USER root\n").stdout


@DOCKERFILE
def test_every_base_is_named_by_digest_when_it_is_built(dockerfile: Path) -> None:
    stages = [rest.split(" AS ") for rest in of(dockerfile, "FROM")]
    named = {stage[1] for stage in stages if len(stage) == 2}
    bases = {base for base, *_ in stages} - named
    arguments = {base.strip("${}") for base in bases}
    assert bases == {f"${{{name}}}" for name in arguments}
    assert arguments <= set(of(dockerfile, "ARG"))  # without a default
    check = next(rest for rest in of(dockerfile, "RUN") if "@sha256:" in rest)
    assert {f'"${{{name}}}"' for name in arguments} == set(re.findall(r'"\$\{[A-Z_]+\}"', check.partition(";")[0]))
    assert set(re.findall(r"--from=(\S+)", dockerfile.read_text())) <= named


@pytest.mark.parametrize(("image", "code"), [("python@sha256:0", 0), ("python:3.11", 1), ("", 1)])
def test_a_base_without_a_digest_is_refused(image: str, code: int) -> None:
    check = of(ROOT / "docker" / "service" / "Dockerfile", "RUN")[0]
    environment = {"BUILD_IMAGE": image, "PYTHON_IMAGE": "python@sha256:0", "UV_IMAGE": "uv@sha256:0"}
    done = subprocess.run(["/bin/sh", "-c", check], env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert code == 0 or "name it by digest" in done.stderr


@pytest.mark.parametrize(("contracts", "code"), [("contracts", 0), ("", 1)])
def test_an_image_without_contracts_of_its_own_is_refused(contracts: str, code: int) -> None:
    dockerfile = ROOT / "docker" / "service" / "Dockerfile"
    check = next(rest for rest in of(dockerfile, "RUN") if "CONTRACTS" in rest)
    done = subprocess.run(["/bin/sh", "-c", check], env={"CONTRACTS": contracts}, capture_output=True, text=True)
    assert done.returncode == code
    assert code == 0 or "CONTRACTS: name the folder" in done.stderr
    assert set(of(dockerfile, "ARG")) >= {"CONTRACTS"}, "without a default"


def test_the_service_has_no_beam_unless_it_is_for_dataflow() -> None:
    service = ROOT / "docker" / "service" / "Dockerfile"
    assert "EXTRA=engine" in of(service, "ARG")
    installs = [each for each in " ".join(of(service, "RUN")).split("uv sync")[1:] if "--only-group" not in each]
    assert [each for each in installs if '--extra "${EXTRA}"' not in each] == []
    assert "service service-beam beam" in PAGE
    assert "SERVICE_IMAGE=$repository/service-beam@" in PAGE


@pytest.mark.parametrize("code", [0, 1])
def test_a_flex_image_of_a_service_without_beam_is_refused(code: int, tmp_path: Path) -> None:
    check = next(rest for rest in of(ROOT / "docker" / "flex" / "Dockerfile", "RUN") if "apache_beam" in rest)
    environment = {"PATH": str(BIN)}
    if code:
        (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "python").chmod(0o755)
        environment = {"PATH": str(tmp_path)}
    done = subprocess.run(["/bin/sh", "-c", check], env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert ("EXTRA=beam" in done.stderr) == bool(code)


@DOCKERFILE
def test_nothing_runs_as_root_and_nothing_is_installed_but_from_the_lock(dockerfile: Path) -> None:
    user = of(dockerfile, "USER")[-1]
    defaults = dict(each.split("=") for each in of(dockerfile, "ARG") if "=" in each)
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", defaults.get(user.strip("${}"), user))
    commands = " ".join(of(dockerfile, "RUN"))
    assert re.findall(r"uv sync(?! --locked)", commands) == []
    assert re.search(r"\b(pip|apt-get|curl|wget)\b", commands) is None
    assert re.search(r"\b(pip|uv|curl|wget)\b", " ".join(of(dockerfile, "ENTRYPOINT") + of(dockerfile, "CMD"))) is None


@DOCKERFILE
def test_what_is_copied_is_there_and_let_through(dockerfile: Path) -> None:
    if dockerfile.parent.name == "bigquery-emulator":
        context, let_through = dockerfile.parent, None
    else:
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        context, let_through = ROOT, [line[1:] for line in lines if line.startswith("!")]
    sources = [each for rest in of(dockerfile, "COPY") if not rest.startswith("--from") for each in rest.split()[:-1]]
    for source in [each for each in sources if not each.startswith("$")]:
        assert (context / source).exists()
        assert let_through is None or any((context / source).is_relative_to(context / each) for each in let_through)


_OPEN_AS: Final = """
import importlib.readers  # what is imported late cannot be read by another account, where Python is root's own
import os, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from headrace.engine.journal import Journal
with TemporaryDirectory() as own:  # another user may not be able to read the modules that this one finds
    Journal.open(Path(own) / "journal").close()
if os.getuid() == 0:  # only root may become another user
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
Journal.open(Path(sys.argv[1]))
"""


def test_the_folder_that_the_image_makes_for_the_journal_is_one_that_the_journal_takes() -> None:
    dockerfile = ROOT / "docker" / "service" / "Dockerfile"
    environment = dict(re.findall(r"(\w+)=(\S+)", of(dockerfile, "ENV")[-1]))
    folder, user = environment["HEADRACE_JOURNAL"], of(dockerfile, "USER")[-1].split(":")[0]
    made = next(rest for rest in of(dockerfile, "RUN") if rest.endswith(folder)).split()
    assert made[made.index("-o") + 1] == made[made.index("-g") + 1] == user
    own = ["-o", user, "-g", user] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # what the image's other folders have
        subprocess.run([*made[: made.index("-o")], *own, f"{root}{folder}"], check=True)
        command = [sys.executable, "-P", "-c", _OPEN_AS, f"{root}{folder}", user]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@DOCKERFILE
def test_python_in_an_image_takes_no_code_from_the_folder_it_works_in(dockerfile: Path) -> None:
    for command in [rest for word, rest in instructions(dockerfile) if '"python"' in rest]:
        assert '"python", "-I"' in command


def test_no_key_gets_into_an_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert lines[-1] == "**/*.key"


def compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text())


def test_the_compose_file_is_one(tmp_path: Path) -> None:
    def check(text: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "compose.yaml"
        path.write_text(text)
        command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(path)]
        return subprocess.run(command, capture_output=True, text=True)

    good = check(COMPOSE.read_text())
    assert good.returncode == 0, good.stdout
    assert "depends_onn" in check(COMPOSE.read_text().replace("depends_on:", "depends_onn:")).stdout


@pytest.mark.parametrize("name", ["headrace", "provision"])
def test_the_service_gets_settings_that_exist_and_emulators_that_run(name: str) -> None:
    services = compose()["services"]
    environment = services[name]["environment"]
    settings = {each.removeprefix("HEADRACE_").lower() for each in environment if each.startswith("HEADRACE_")}
    assert settings <= set(Settings.model_fields)
    emulators = {
        each: environment[each].removeprefix("http://").split(":")
        for each in environment
        if not each.startswith("HEADRACE_")
    }
    assert set(emulators) == {PUBSUB, BIGQUERY, BIGQUERY_STORAGE}
    for host, port in emulators.values():
        assert f"127.0.0.1:{port}:{port}" in services[host]["ports"]
        image = ROOT / "docker" / "bigquery-emulator" / "Dockerfile"
        assert port in str(services[host].get("command") or of(image, "CMD"))
    assert environment["HEADRACE_MASKING_KEY_FILE"] == f"/run/secrets/{services[name]['secrets'][0]}"
    assert services[name]["read_only"]
    assert services[name]["cap_drop"] == ["ALL"]


_KEY_AS: Final = """
import os, sys
from pathlib import Path
from headrace.config.key_files import read_masking_key
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
print(len(read_masking_key(Path(sys.argv[1]))))
"""


def test_the_key_that_the_page_makes_is_one_that_the_container_reads() -> None:
    """A bind mount keeps the owner and the mode of the file on the host."""
    user = of(ROOT / "docker" / "service" / "Dockerfile", "USER")[-1].split(":")[0]
    make, own = re.findall(r"^(\(umask.*\)|sudo chown .*?)(?:\s+#.*)?$", PAGE, re.MULTILINE)
    if os.getuid() == 0:
        make += f"; {own.removeprefix('sudo ')}"
    assert own == f"sudo chown {user} masking.key"
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        subprocess.run(["sh", "-c", f"umask 022; {make}"], cwd=root, check=True)
        command = [sys.executable, "-P", "-c", _KEY_AS, f"{root}/masking.key", user]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("32\n", "")


def test_a_service_starts_when_what_it_needs_is_ready() -> None:
    services = compose()["services"]
    assert services["headrace"]["depends_on"] == {"provision": {"condition": "service_completed_successfully"}}
    assert services["provision"]["depends_on"].keys() == {"pubsub", "bigquery"}
    healthy = {each for each in services["provision"]["depends_on"] if "healthcheck" in services[each]}
    assert healthy == {"pubsub"}  # the other's is in its image
    assert of(ROOT / "docker" / "bigquery-emulator" / "Dockerfile", "HEALTHCHECK")


def test_the_page_pins_every_image_that_is_asked_for_and_beam_as_it_is_locked() -> None:
    asked = set(re.findall(r"\$\{([A-Z]+_IMAGE):\?", COMPOSE.read_text()))
    asked |= {name for each in DOCKERFILES for name in of(each, "ARG") if name.endswith("_IMAGE")}
    assert asked == {*re.findall(r"^pin ([A-Z]+_IMAGE) ", PAGE, re.MULTILINE), "SERVICE_IMAGE"}
    beam = re.search(r'"apache-beam\[gcp\]==([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert beam is not None
    assert f"apache/beam_python3.11_sdk:{beam[1]} " in PAGE
