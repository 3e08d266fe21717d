"""A folder for what a command starts, gone with it; but the logs of what failed stay."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder, removed when the block ends. When it fails, ``*.log`` stay for who reads the error; keys do not."""
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
