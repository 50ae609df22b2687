"""mfclip-build --light and mfclip bundle, from outside."""

from __future__ import annotations

import json
import re

import pytest

from mfclip.weights.store import file_of

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
def place(faces_and_tower):
    """A recipe on a small tower, dark reals and bright fakes."""
    (faces_and_tower / "tuned.toml").write_text(RECIPE)
    return faces_and_tower


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
