"""``python -m benchmarks.exactly_once run ...``: the engine as it is, started as the one it is compared with."""

from __future__ import annotations

from stream.cli import main

if __name__ == "__main__":
    main()
