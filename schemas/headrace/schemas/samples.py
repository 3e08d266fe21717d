"""The contracts of the demo, of the benchmarks and of the examples: nothing uses them that has not named them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
# A wheel has them beside this file; a clone has them at schemas/avro.
SAMPLES: Final = next(each for each in (_HERE / "avro", _HERE.parents[1] / "avro") if each.is_dir())
