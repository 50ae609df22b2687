"""Small systems that are made for pretrained weights learn without: dark reals from bright fakes.

From scratch their transformers need more images than the sample set has, so easier ones stand in.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

RECIPE = """
recipe = 1
assembly = "{name}"
preprocessing.size = 32
data = {{ use = "manifest", root = "data", findings = "warn" }}
training = {{ epochs = 6, batch_size = 8, workers = 0, precision = "fp32", learning_rate = 1e-3 }}
evaluation.bootstrap = 100
"""
SYSTEMS = {
    "coop-small": "",
    "dd-vqa-small": "",
    "dire-small": 'input = [{ use = "dire", pipeline = "ddpm", steps = 2 }]',
    "fatformer-small": "",
    "vlffd-small": "",
}
"""What each needs beside its assembly."""


OFTEN = ["dire-small"]
"""Trained in every run of the tests, for its map is made here; all of them by ``make systems``."""


@pytest.mark.parametrize("name", SYSTEMS if os.environ.get("MFCLIP_ALL_SYSTEMS") else OFTEN)
def test_a_small_system_learns(
    name: str, faces_and_tower: Path, diffusion_model: Path, command
) -> None:
    text = RECIPE.format(name=name) + SYSTEMS[name]
    (faces_and_tower / "system.toml").write_text(text, encoding="utf-8")
    command("mfclip-build", "--recipe", "system.toml", cwd=faces_and_tower)
    run = faces_and_tower / "runs" / "system"
    lines = (run / "history.jsonl").read_text().splitlines()
    total = [json.loads(line)["losses"]["total"] for line in lines]
    assert total[-1] < total[0]
    assert json.loads((run / "metrics.json").read_text())["overall"]["roc_auc"]["value"] > 0.9
