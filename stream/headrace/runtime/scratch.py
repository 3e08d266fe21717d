"""A temporary folder for the processes that a command starts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a folder and remove it when the block ends.

    If the block fails, keep the ``*.log`` files, which help to explain the error, and remove all others, such as keys.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    keep = False
    try:
        yield folder
    except Exception:
        keep = any(folder.glob("*.log"))
        raise
    finally:
        for each in folder.iterdir():
            if not (keep and each.suffix == ".log"):
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        if not keep:
            folder.rmdir()
