"""Several frames as one sample, from the recipe to a scored file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip import BuildContext
from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.errors import RecipeError, UsageError
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry
from mfclip.testing import ConformanceError, check_part
from mfclip_vision.parts import Cvit, FrameMean, MapCnn

SIZE, FRAMES = 32, 4
SMALL = {"channels": (4, 8), "convolutions": (1, 1), "dim": 8, "depth": 1, "heads": 2, "mlp": 8}
RECIPE = """
recipe = 1
[preprocessing]
size = 32
frames = 4
[vision]
use = "frame-mean"
[vision.image]
use = "cvit"
channels = [4, 8]
convolutions = [1, 1]
dim = 8
depth = 1
heads = 2
mlp = 8
[[loss]]
use = "cross-entropy"
[augmentation]
mirror = 0.5
crop = 0.2
corrupted = 0.5
[[augmentation.corruptions]]
use = "blur"
[data]
use = "manifest"
root = "data"
findings = "warn"
[training]
epochs = 1
batch_size = 4
workers = 0
[evaluation]
bootstrap = 100
"""


def read(text: str, path):
    file = path / "recipe.toml"
    file.write_text(text)
    return read_recipe(file, plugins=discover(), registry=read_registry())


def animation(file, seed: int, fake: bool, frames: int = 9) -> None:
    """Noise that stands still where it is real and flickers where it is fake."""
    draw = np.random.default_rng(seed)
    still = draw.integers(0, 256, (40, 36, 3), dtype=np.uint8)
    shown = [
        Image.fromarray(draw.integers(0, 256, (40, 36, 3), dtype=np.uint8) if fake else still)
        for _ in range(frames)
    ]
    shown[0].info.clear()
    shown[0].save(file, save_all=True, append_images=shown[1:], lossless=True, duration=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained bundle, and the clips that it was trained on."""
    path = tmp_path_factory.mktemp("clips")
    data = path / "data"
    data.mkdir()
    rows = []
    for number, split in enumerate(["train"] * 8 + ["val"] * 4 + ["test"] * 4):
        fake = bool(number % 2)
        name = f"{number}.webp"
        animation(data / name, number, fake)
        label = HierarchicalLabel("fake" if fake else "real", "GS" if fake else "")
        rows.append(Row(path=Path(name), label=label, split=split))
    write_manifest(Manifest(data, tuple(rows)), data / "manifest.csv")
    recipe = read(RECIPE.replace('"data"', f'"{data}"'), path)
    build(recipe, path / "run", plugins=discover(), events=Silent(), device="cpu")
    return path


def test_the_part_passes_its_checks():
    check_part(FrameMean(image=Cvit(**SMALL)))


def test_an_encoder_that_takes_clips_for_images_is_caught():
    class Lying(FrameMean):
        """Says that it reads clips, and reads images."""

        use: str = "frame-mean"
        """Name of the part."""

        def build(self, context):
            return self.image.build(replace(context, frames=None))

    with pytest.raises(ConformanceError, match="output-shape"):
        check_part(Lying(image=Cvit(**SMALL)))


def test_a_clip_is_the_mean_of_its_frames():
    module = FrameMean(image=Cvit(**SMALL)).build(BuildContext(image_size=SIZE, frames=3)).eval()
    clips = torch.rand(2, 3, 3, SIZE, SIZE)
    with torch.no_grad():
        found = module(clips)
        expected = torch.stack([module.image(clips[:, place]) for place in range(3)]).mean(0)
    torch.testing.assert_close(found, expected)


def test_a_clip_is_scored_as_its_file_array_and_tensor(folder):
    loaded = load(folder / "run", "cpu")
    assert loaded.frames == FRAMES
    file = folder / "data" / "1.webp"
    (score,) = loaded.score(file)
    assert score.reason == "4 of 9 frames"
    with Image.open(file) as image:
        shown = []
        for place in (1, 3, 5, 7):
            image.seek(place)
            shown.append(np.asarray(image.convert("RGB")))
        (opened,) = loaded.score(image)
    array = np.stack(shown)
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    given = [array, tensor, tensor.float() / 255]
    same = [opened, *loaded.score(given), *loaded.score(tensor[None].repeat(2, 1, 1, 1, 1, 1)[0])]
    assert [one.p_fake for one in same] == pytest.approx([score.p_fake] * len(same), abs=1e-6)


def test_frames_move_the_score(folder):
    loaded = load(folder / "run", "cpu")
    clips = torch.randint(0, 256, (2, FRAMES, 3, 40, 36), dtype=torch.uint8)
    clips[1, :-1] = clips[0, :-1]
    first, other = loaded.score(clips)
    assert first.p_fake != other.p_fake


@pytest.mark.parametrize("shape", [(3, 40, 36), (FRAMES + 1, 3, 40, 36), (40, 36)])
def test_what_is_no_clip_is_refused_with_what_is_allowed(folder, shape):
    with pytest.raises(UsageError, match="reads 4 frames a sample; allowed"):
        load(folder / "run", "cpu").score(torch.zeros(shape, dtype=torch.uint8))


def test_a_blank_clip_has_no_verdict(folder):
    (score,) = load(folder / "run", "cpu").score(torch.zeros(FRAMES, 3, 40, 36, dtype=torch.uint8))
    assert score.verdict is None
    assert score.status.value == "blank"


def test_the_report_shows_the_frame_in_the_middle(folder):
    assert (folder / "run" / "report.html").read_text().count('class="card ') == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("frames = 4\n", "'frame-mean' reads clips: say how long, as preprocessing.frames = 8"),
        (
            'use = "frame-mean"\n[vision.image]\n',
            "'cvit' reads single images, and preprocessing.frames is 4",
        ),
    ],
)
def test_a_recipe_says_that_it_is_about_clips(change, said, tmp_path):
    with pytest.raises(RecipeError, match=said.partition(":")[0]):
        read(RECIPE.replace(change, ""), tmp_path)


def test_nothing_is_beside_a_frame():
    inside = FrameMean(image=MapCnn())
    (misfit,) = inside.misfits(BuildContext())
    assert "map-cnn reads map" in misfit.message
