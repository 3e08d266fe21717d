"""Contracts of the demo, the benchmarks and the examples; only programs that import this module use them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
# A wheel has the folder beside this file; a clone has it at schemas/avro.
SAMPLES: Final = next(each for each in (_HERE / "avro", _HERE.parents[1] / "avro") if each.is_dir())
