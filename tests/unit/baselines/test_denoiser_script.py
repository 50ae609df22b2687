"""``benchmarks/denoiser.py``: what it writes is what the part ``dire`` reads."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

from mfclip.data.source import Source
from mfclip.parts import BuildContext
from mfclip_baselines.schemas.dire import DireMap

ROOT = Path(__file__).parents[3]
ROWS = [("real", "train", 40), ("fake", "train", 80), ("real", "val", 120), ("real", "test", 160)]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import denoiser

    return denoiser


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """Images of one grey each, by which they are known again."""
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        for place, (label, split, grey) in enumerate(ROWS * 3):
            name = f"{place}.png"
            Image.fromarray(np.full((24, 24, 3), grey, np.uint8)).save(tmp_path / name)
            writer.writerow([name, label, split])
    return [f"data.root={tmp_path}", f"data.file={tmp_path / 'rows.csv'}"]


def test_the_folder_is_one_that_dire_reads(script, data, tmp_path, monkeypatch, capsys):
    out, overrides = tmp_path / "denoiser", [x for one in data for x in ("--set", one)]
    small = ["--side", "16", "--width", "8", "--batch", "2", "--steps", "2", "--out", str(out)]
    recipe = ["--recipe", str(ROOT / "recipes" / "faces-systems.toml")]
    monkeypatch.setattr(sys, "argv", ["denoiser.py", *recipe, *overrides, *small])
    script.main()
    assert "3 real images of the training split" in capsys.readouterr().out
    assert Image.open(out / "drawn.png").size == (8 * 16, 2 * 16)
    part = DireMap(pipeline=out, steps=2)
    assert not list(part.misfits(BuildContext()))
    made = part.build(BuildContext())(Source(torch.zeros(3, 24, 24, dtype=torch.uint8)))
    assert made.shape == (3, 16, 16)


@pytest.fixture
def begin(script, data, tmp_path, monkeypatch):
    """Run the script for four steps, a look after each; with what it is called by besides."""

    def run(out: str, *more: str) -> Path:
        overrides = [x for one in data for x in ("--set", one)]
        small = ["--side", "16", "--width", "8", "--batch", "2", "--steps", "4", *more]
        recipe = ["--recipe", str(ROOT / "recipes" / "faces-systems.toml")]
        words = ["denoiser.py", *recipe, *overrides, *small, "--out", str(tmp_path / out)]
        monkeypatch.setattr(sys, "argv", words)
        script.main()
        return tmp_path / out

    monkeypatch.setattr(script, "KEPT_EVERY", 1)
    return run


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")


def test_a_killed_run_goes_on_as_if_nothing_had_been(script, begin, monkeypatch, capsys):
    whole = weights(begin("whole"))
    step, done = script.Learning.step, []

    def killed_in_the_third(learning):
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return step(learning)

    with monkeypatch.context() as patched:
        patched.setattr(script.Learning, "step", killed_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            begin("runs/killed")
    resumed = begin("runs/killed")
    assert "going on after step 2" in capsys.readouterr().out
    torch.testing.assert_close(weights(resumed), whole, rtol=0, atol=0)
    assert not list(resumed.parent.glob("*.unfinished*"))


def test_other_settings_and_a_folder_that_is_there_are_told_before_anything_is_done(
    script, begin, monkeypatch, capsys
):
    with monkeypatch.context() as patched:
        patched.setattr(script, "draw", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            begin("out")
    with pytest.raises(SystemExit):
        begin("out", "--rate", "1")
    assert "begun with other rate:" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setattr(script, "choose_precision", lambda *_: torch.float64)
        patched.setattr(script, "precision_name", lambda _: "another")
        with pytest.raises(SystemExit):
            begin("out")
    assert "begun with other arithmetic:" in capsys.readouterr().err
    begin("out")
    with pytest.raises(SystemExit):
        begin("out")
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"notes of mine", id="text"),
        pytest.param(save({"x": torch.ones(1)}), id="weights"),
    ],
)
def test_a_file_of_that_name_that_is_another_is_told_and_left(begin, tmp_path, capsys, held):
    file = tmp_path / "out.unfinished.safetensors"
    file.write_bytes(held)
    with pytest.raises(SystemExit):
        begin("out")
    assert "none of an unfinished run" in capsys.readouterr().err
    assert file.read_bytes() == held


def test_photos_are_those_of_the_training_split_alone(script, data):
    photos = script.real_images(ROOT / "recipes" / "faces-systems.toml", data, 16)
    torch.testing.assert_close(photos, torch.full((3, 3, 16, 16), 2 * 40 / 255 - 1))
