"""``headrace audit``, as tests call it."""

from __future__ import annotations

import subprocess

from headrace.schemas.samples import SAMPLES
from tests.support.jobs import COMMAND
from tests.support.service import Service


def headrace_audit(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the project of *service*."""
    return subprocess.run(
        [*COMMAND, "audit", "--project", service.settings.project, "--contracts", str(SAMPLES), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
