"""Two processes over gloo, started with torchrun, against one process with the global batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import distributed

PROGRAM = Path(__file__).with_name("programs") / "two_processes.py"
CHECKS = ["gather", "spa_loss", "open_clip", "fsdp", "transformers", "refusals"]


@pytest.fixture(scope="module")
def told() -> str:
    """What the two processes said; they run every check, one after the other."""
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("needs gloo")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(PROGRAM), *CHECKS],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_processes_equal_one(told):
    assert f"checked: {' '.join(CHECKS)}" in told
