"""The installed commands, and one small bundle that several tests look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

TINY = """
recipe = 1
assembly = "mfclip-small"

[preprocessing]
size = 64

[vision.image]
channels = [8, 8, 16, 16, 16]
convolutions = [1, 1, 1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32

[vision.noise]
patch_size = 32
channels = 8
dim = 32
heads = 2

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 2
workers = 0
precision = "fp32"

[evaluation]
bootstrap = 100
"""


class Warm:
    """The process of ``warm.py``, started with the first command."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = [sys.executable, str(Path(__file__).with_name("warm.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, name: str, words: Sequence[str], cwd: Path | None
    ) -> subprocess.CompletedProcess[str]:
        """One command in a process of its own."""
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._folder / "out", self._folder / "err"
        for file in (out, err):
            file.write_text("")
        argv = [str(Path(sys.executable).with_name(name)), *words]
        place = {"cwd": str(cwd or Path.cwd()), "out": str(out), "err": str(err)}
        order = {"name": name, "argv": argv, "env": dict(os.environ), **place}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(argv, code, out.read_text(), err.read_text())

    def end(self) -> None:
        """Close its stdin, which it takes as the end."""
        self._process.communicate()


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run one of our commands in a process of its own.

    That of a user would load torch first, for some seconds; this one is forked from a process that
    has. What a new process loads, and the installed programs, are tested by those tests that start
    them: of light commands, signals, kills, the doctor and the tutorial.
    """
    warm = Warm(tmp_path_factory.mktemp("warm"))

    def run(
        name: str, *words: object, cwd: Path | None = None, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        done = warm.run(name, [str(word) for word in words], cwd)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    yield run
    warm.end()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny recipe in it."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def built(command: Run, workplace: Path) -> subprocess.CompletedProcess[str]:
    """What mfclip-build said of the tiny recipe; the bundle is in runs/tiny."""
    return command("mfclip-build", "--recipe", "tiny.toml", cwd=workplace)


@pytest.fixture(scope="session")
def bundle(built: subprocess.CompletedProcess[str], workplace: Path) -> Path:
    """The tiny bundle."""
    return workplace / "runs" / "tiny"


@pytest.fixture(scope="session")
def sample_manifest(bundle: Path) -> Path:
    """The table of the sample set that the tiny bundle was trained on."""
    from mfclip_sample import sample_folder

    return sample_folder(96, 64, 0) / "manifest.csv"


@pytest.fixture
def faces_and_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 32 images in ``data``, dark reals and bright fakes; and a CLIP tower of random
    weights, 3 blocks of width 64 with patches of 16 pixels, kept by the name ``tiny``."""
    import numpy as np
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    from mfclip.parts import BuildContext
    from mfclip.weights.getting import convert
    from mfclip_clip.parts import ClipVit

    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    draw, lines = np.random.default_rng(0), ["path,label,split"]
    for number, split in enumerate(["train"] * 16 + ["val"] * 8 + ["test"] * 8):
        low = 120 if number % 2 else 20
        pixels = draw.integers(low, low + 100, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.png")
        lines.append(f"{number}.png,{'fake' if number % 2 else 'real'},{split}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines) + "\n")
    torch.manual_seed(0)
    part = ClipVit(dim=16, tower_width=64, layers=3, heads=2, patch=16, activation="quick-gelu")
    state = part.build(BuildContext(image_size=32)).tower.state_dict()
    save_file({f"visual.{k}": v for k, v in state.items()}, tmp_path / "t.safetensors")
    convert(tmp_path / "t.safetensors", "tiny")
    return tmp_path


@pytest.fixture
def diffusion_model(faces_and_tower: Path) -> Path:
    """A diffusion model of random weights for images of 16 pixels, in the folder ``ddpm``."""
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(faces_and_tower / "ddpm")
    return faces_and_tower / "ddpm"
