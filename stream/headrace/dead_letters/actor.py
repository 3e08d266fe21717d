"""Who handles dead letters: what the trail says."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping

OPERATOR = "HEADRACE_OPERATOR"


def who(environment: Mapping[str, str] = os.environ) -> str:
    """Who runs this command: ``HEADRACE_OPERATOR`` where it is set, else user and machine.

    >>> who({"HEADRACE_OPERATOR": "ada"})
    'ada'
    """
    return environment.get(OPERATOR, "").strip() or f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
