"""What the image of the Flex Template runs, with keys from nowhere: Secret Manager has no emulator.

``python -m tests.support.template_job --runner=FnApiRunner --files=...``; keys are as
:class:`tests.support.beam_engine.NamedKey` has them, but for the masking key, which is in the file that
``MASKING_KEY_FILE`` names. ``CRASH_AT`` names a step whose n-th call kills the process: ``staged:1`` before the
transaction, ``written:1`` after it.
"""

from __future__ import annotations

import os
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any

from headrace.backfill.staging import Staging
from headrace.config import secrets
from headrace.deploy.flex_launcher import main


def read_version(name: str) -> bytes:
    if "/masking/" in name:
        return Path(os.environ["MASKING_KEY_FILE"]).read_bytes()
    return sha256(name.encode()).digest()


def killed_at(step: str, method: Any, after: bool) -> Any:
    def call(*args: Any) -> Any:
        result = method(*args) if after else None
        if os.environ.get("CRASH_AT") == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return result if after else method(*args)

    return call


if __name__ == "__main__":
    secrets._read_version = read_version  # type: ignore[assignment]
    Staging._once = killed_at("staged", Staging._once, after=False)  # type: ignore[method-assign]
    Staging.write = killed_at("written", Staging.write, after=True)  # type: ignore[method-assign]
    main()
