"""Folders of contracts, as people have them on their disks and in their repositories."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.contract_check.check_folder import Checked, check_contents
from headrace.contract_check.published import Published
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, read_folder
from headrace.steps.transform import check_transformations
from tests.support.builders import contract_json

_AS_SOMEBODY = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]


def write_version(
    folder: Path, version: int, *fields: Any, subject: str = "thing_happened", **annotations: Any
) -> Path:
    """Write a contract of *fields* and the event time; the table is called as the subject."""
    return write_contract(folder, version, contract_json(*fields, **{"table": subject} | annotations), subject)


def write_contract(folder: Path, version: int, contract: Mapping[str, Any], subject: str = "thing_happened") -> Path:
    """Write a contract as it is, with a line for each key."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject}.v{version}.avsc"
    path.write_text(json.dumps(contract, indent=2))
    return path


def check_folder(folder: Path, published: Mapping[SchemaRef, Contract]) -> Checked:
    """Check the contracts of a folder with their expressions; *published* ones must not change."""
    return check_contents(read_folder(folder), Published(published), check_transformations)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *_AS_SOMEBODY, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def commit_all(folder: Path) -> str:
    """Commit everything below *folder*, and return the commit. The folder becomes a repository if needed."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "contracts")
    return git(folder, "rev-parse", "HEAD").strip()
