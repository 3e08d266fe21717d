"""The name under which the trail records a person."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Final

ACTOR: Final = "HEADRACE_ACTOR"


def current_actor(environment: Mapping[str, str] = os.environ) -> str:
    """Return ``HEADRACE_ACTOR`` if it is set, else user and host name.

    >>> current_actor({"HEADRACE_ACTOR": "ada"})
    'ada'
    """
    return environment.get(ACTOR, "").strip() or f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
