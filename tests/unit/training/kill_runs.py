"""Kills trainings with SIGKILL, resumes them, and prints whether each ended as if never killed.

Run in a process of its own, so that each victim is a fork and costs no start-up. Prints JSON:
``{"points": [[killed, same], …], "times": …, "chain": …}``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch

import mfclip.files
from conftest import CPU, SIZE, CrossEntropy, draw_faces, tiny_detector, tiny_settings
from mfclip.data.preprocess import Preprocessor
from mfclip.detector.assemble import LossTerm
from mfclip.recipe.settings import PreprocessingSettings
from mfclip.training.loop import train
from mfclip.training.progress import SilentProgress
from mfclip.training.weights import module_tensors

torch.set_num_threads(1)  # a fork does not take a pool of threads along
FOLDER = Path(sys.argv[1])
FACES = draw_faces(FOLDER, train=18, val=8)


def fit(name: str, *, resume: bool = False) -> dict[str, torch.Tensor]:
    """Train in ``FOLDER/name`` and give the final weights."""
    detector = tiny_detector()
    train(
        detector,
        [LossTerm("ce", 1.0, CrossEntropy())],
        train=FACES.of_split("train"),
        val=FACES.of_split("val"),
        prompts=None,
        preprocessor=Preprocessor(PreprocessingSettings(size=SIZE)),
        settings=tiny_settings(checkpoint_steps=2),
        run=FOLDER / name,
        resume=resume,
        device=CPU,
        progress=SilentProgress(),
    )
    return {name: tensor.detach() for name, tensor in module_tensors(detector).items()}


def die_at(write: int) -> None:
    """Let this process kill itself at its n-th flush to the disk, before or after a rename."""
    calls = count(1)
    sync = mfclip.files.sync

    def deadly(path: Path) -> None:
        sync(path)
        if next(calls) == write:
            os.kill(os.getpid(), signal.SIGKILL)

    mfclip.files.sync = deadly


def victim(work: Callable[[], object]) -> int:
    """Process id of a fork that does some work and ends."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def was_killed(pid: int) -> bool:
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def killed_while_writing(write: int) -> tuple[bool, bool]:
    name = f"write-{write}"
    killed = was_killed(victim(lambda: (die_at(write), fit(name))))
    return killed, same(fit(name, resume=True), WHOLE)


def killed_after(seconds: float) -> tuple[bool, bool]:
    name = f"time-{seconds}"
    pid = victim(lambda: fit(name))
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return was_killed(pid), same(fit(name, resume=True), WHOLE)


def killed_again_and_again() -> tuple[int, bool]:
    """Each life gets one checkpoint further (4 to 8 flushes) and dies in the next."""
    kills = 0
    while was_killed(victim(lambda: (die_at(9), fit("chain", resume=True)))):
        kills += 1
    return kills, same(fit("chain", resume=True), WHOLE)


WHOLE = fit("whole")
started = time.monotonic()
fit("timed")
TAKEN = time.monotonic() - started
delays = random.Random(0)
result = {
    "points": [killed_while_writing(write) for write in (1, 2, 4, 13, 15, 17, 26, 38)],
    "times": [killed_after(delays.uniform(0.05, 0.8) * TAKEN) for _ in range(3)],
    "chain": killed_again_and_again(),
}
print(json.dumps(result))
