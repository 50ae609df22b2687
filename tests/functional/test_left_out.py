"""mfclip-build chooses by kinds left out, on the sample set, as a user would have it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

CHOOSE = """
recipe = 1
preprocessing.size = 32

[vision]
use = "cvit"
channels = [4, 4, 8, 8, 8]
convolutions = [1, 1, 1, 1, 1]
dim = 16
depth = 1
heads = 2
mlp = 16

[[loss]]
use = "cross-entropy"

[data]
use = "sample"
images = 96
size = 32
findings = "warn"

[training]
epochs = 2
workers = 0
precision = "fp32"
checkpoint_steps = 1
validation = "left-out:generator"

[candidates]
training.learning_rate = [1e-4, 3e-3]

[evaluation]
bootstrap = 100
"""
WORDS = ("--recipe", "choose.toml", "--out", "chosen")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("left-out")
    (folder / "choose.toml").write_text(CHOOSE, encoding="utf-8")
    return folder


def test_dry_run_tells_how_many_trainings_there_are(place: Path, command) -> None:
    done = command("mfclip-build", *WORDS, "--dry-run", cwd=place)
    assert "a build makes 13 trainings: 2 candidates × 6 kinds left out (generator: " in done.stdout
    assert not (place / "chosen.partial").exists()


def test_a_wrong_candidate_is_told_before_torch_is_loaded(place: Path, command) -> None:
    wrong = ("--set", "candidates.vision.depth=[1,0]")
    done = command("mfclip-build", *WORDS, *wrong, cwd=place, code=3)
    assert "vision.depth: should be greater than or equal to 1, got 0" in done.stderr
    assert (
        "in the candidate training.learning_rate=0.0001, vision.depth=0 and 1 other" in done.stderr
    )


def test_a_killed_choice_goes_on_and_is_told(place: Path, command, start) -> None:
    folds = place / "chosen.partial" / "left-out"
    victim = start("mfclip-build", *WORDS, cwd=place, err=place / "killed.log")
    try:
        deadline = time.monotonic() + 300
        while not list(folds.glob("*/fold-3/training/state.json")):
            assert victim.poll() is None, "the build ended before its third fold"
            assert time.monotonic() < deadline, "no third fold"
            time.sleep(0.01)
    finally:
        victim.kill()
        victim.wait()
    assert victim.returncode == -signal.SIGKILL

    done = command("mfclip-build", *WORDS, "--resume", cwd=place)
    assert done.stderr.count("Trained before") == 2
    choice = json.loads((place / "chosen" / "metrics.json").read_text())["chosen_by"]
    lines, epoch = done.stdout.splitlines(), choice["epoch"]
    chosen = choice["candidates"][choice["candidate"] - 1]
    rate, auc = chosen["settings"]["training.learning_rate"], f"{100 * choice['auc']:.1f}"
    kinds = "6 kinds left out (generator)"
    told = f"chosen: training.learning_rate={rate}, epoch {epoch}: mean AUC {auc} over {kinds}"
    assert told in lines
    (marked,) = [line.split() for line in lines if line.startswith("        *")]
    each = [f"{100 * fold['auc'][epoch - 1]:.1f}" for fold in chosen["folds"]]
    assert marked == ["*", str(epoch), auc, *each, f"training.learning_rate={rate}"]
    assert (place / "chosen" / "scores-left-out.csv").exists()
    assert not folds.exists()
