"""mfclip-build --light and mfclip bundle, from outside."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mfclip.parts import BuildContext
from mfclip.weights.getting import convert
from mfclip.weights.store import file_of
from mfclip_clip.parts import ClipVit

TOWER = {"dim": 16, "tower_width": 64, "layers": 3, "heads": 2, "patch": 16}
RECIPE = """
recipe = 1
assembly = "clip-tuned"
[preprocessing]
size = 32
[vision]
weights = "tiny"
dim = 16
tower_width = 64
layers = 3
heads = 2
read = [2, 3]
[data]
use = "manifest"
root = "data"
findings = "warn"
[training]
epochs = 2
batch_size = 8
workers = 0
precision = "fp32"
[evaluation]
bootstrap = 100
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A recipe on a small tower, dark reals and bright fakes."""
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    draw, lines = np.random.default_rng(0), ["path,label,split"]
    for number, split in enumerate(["train"] * 16 + ["val"] * 8 + ["test"] * 8):
        low = 120 if number % 2 else 20
        pixels = draw.integers(low, low + 100, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.png")
        lines.append(f"{number}.png,{'fake' if number % 2 else 'real'},{split}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "tuned.toml").write_text(RECIPE)
    torch.manual_seed(0)
    tower = ClipVit(**TOWER, activation="quick-gelu").build(BuildContext(image_size=32)).tower
    save_file({f"visual.{k}": v for k, v in tower.state_dict().items()}, tmp_path / "t.safetensors")
    convert(tmp_path / "t.safetensors", "tiny")
    return tmp_path


def scores(command, place, bundle):
    done = command("mfclip", "score", bundle, "data", "--format", "jsonl", cwd=place)
    return [json.loads(line)["p_fake"] for line in done.stdout.splitlines()]


def test_a_light_build_scores_and_is_made_whole(command, place):
    built = command("mfclip-build", "--recipe", "tuned.toml", "--light", cwd=place)
    told = re.search(r"size:   (\S+) MB of weights, a light bundle; (\S+) MB if it", built.stdout)
    light, whole = map(float, told.groups())
    assert light < 0.1 < 0.5 < whole
    made = command("mfclip", "bundle", "whole", "runs/tuned", "--out", "whole", cwd=place)
    assert f"size:   {whole} MB of weights\n" in made.stdout
    figures = scores(command, place, "runs/tuned")
    assert len({*figures}) > 10
    file_of("tiny").unlink()
    assert scores(command, place, "whole") == figures
    done = command("mfclip", "score", "runs/tuned", "data", cwd=place, code=6)
    assert "vision was built with the weights 'tiny'" in done.stderr
    assert "mfclip weights get" in done.stderr


def test_light_without_weights_is_refused_before_the_training(command, workplace):
    words = ("--recipe", "tiny.toml", "--light", "--out", "refused")
    done = command("mfclip-build", *words, cwd=workplace, code=2)
    assert "--light leaves out what pretrained weights give, and no part" in done.stderr
    assert not (workplace / "refused").exists()
