"""The contracts of the demo, of the benchmarks and of the examples: nothing uses them that has not named them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SAMPLES: Final = Path(__file__).parent / "avro"
