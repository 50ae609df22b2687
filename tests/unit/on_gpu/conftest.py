"""The benchmarks' folder on the path, as it is for a script in it."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"

if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))


@pytest.fixture
def gpu() -> ModuleType:
    """``benchmarks/gpu.py``."""
    import gpu

    return gpu
