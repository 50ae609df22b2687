"""A detector on a frozen tower's features: made once, kept, and bound to the weights by hash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.reencode import Reencoder
from mfclip.data.source import Source
from mfclip.errors import BundleError, UsageError
from mfclip.inference.loaded import load
from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry
from mfclip.weights.getting import convert
from mfclip.weights.store import file_of
from mfclip_clip.features import MakesFeatures
from mfclip_clip.parts import ClipFeatures, ClipVit

OWN = Path(__file__).parents[2] / "recipes" / "own-faces-clip.toml"
TOWER = {"dim": 16, "tower_width": 16, "layers": 2, "heads": 2, "patch": 16}
RECIPE = """
recipe = 1
assembly = "clip-probe"
[preprocessing]
size = 32
[[input]]
use = "clip-features"
weights = "tiny"
size = 32
dim = 16
tower_width = 16
layers = 2
heads = 2
read = [1, 2]
precision = "fp32"
[vision]
length = 32
whiten = 2
[data]
use = "manifest"
root = "ROOT"
findings = "warn"
[training]
epochs = 3
batch_size = 8
workers = 0
precision = "fp32"
learning_rate = 0.05
[evaluation]
bootstrap = 100
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Reals are dark and fakes are bright, which any tower sees; and a tower by name."""
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    draw, lines = np.random.default_rng(0), ["path,label,split"]
    for number, split in enumerate(["train"] * 24 + ["val"] * 8 + ["test"] * 8):
        low = 120 if number % 2 else 20
        pixels = draw.integers(low, low + 100, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{'fake' if number % 2 else 'real'},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    keep_tower(tmp_path, seed=0)
    return tmp_path


def keep_tower(folder, seed):
    torch.manual_seed(seed)
    tower = ClipVit(**TOWER, activation="quick-gelu").build(BuildContext(image_size=32)).tower
    save_file({f"visual.{k}": v for k, v in tower.state_dict().items()}, folder / "t.safetensors")
    convert(folder / "t.safetensors", "tiny")


def built(root, more=""):
    file = root / "recipe.toml"
    file.write_text(RECIPE.replace("ROOT", str(root / "data")) + more)
    recipe = read_recipe(file, plugins=discover(), registry=read_registry())
    build(recipe, root / "run", plugins=discover(), events=Silent(), device="cpu", restart=True)
    return recipe


def test_features_are_made_once_and_the_scores_are_those_without_the_cache(root, monkeypatch):
    recipe = built(root)
    kept = sorted((root / "cache/inputs").rglob("*.npy"))
    assert len(kept) == 40
    loaded = load(root / "run", "cpu")
    files = [root / "data" / f"{number}.png" for number in range(32, 40)]
    scores = [score.p_fake for score in loaded.score(files)]
    monkeypatch.setenv("MFCLIP_CACHE", str(root / "other"))
    convert(root / "t.safetensors", "tiny")
    anew = [score.p_fake for score in load(root / "run", "cpu").score(files)]
    assert anew == scores
    part = ClipVit(
        **TOWER, activation="quick-gelu", weights=root / "t.safetensors", read=(1, 2), tune="none"
    )
    tower = part.build(BuildContext(image_size=32)).eval()
    preprocessor = recipe.preprocessor()
    image = torch.from_numpy(np.array(Image.open(files[0]))).permute(2, 0, 1)
    with torch.no_grad():
        expected = tower(preprocessor([image], torch.device("cpu")))[0]
    _, beside = loaded.predictor.prepared([image])
    torch.testing.assert_close(beside["clip-features"][0], expected, rtol=1e-3, atol=1e-3)  # half


def test_the_bundle_is_light_and_its_vectors_standardised(root):
    built(root)
    state = load_file(root / "run" / "model.safetensors")
    assert (root / "run" / "model.safetensors").stat().st_size < 6000  # no tower
    made = [np.load(file) for file in (root / "cache/inputs").rglob("*.npy")]
    assert {vector.shape for vector in made} == {(32,)}
    assert state["vision.mean"].shape == (32,)
    assert (state["vision.deviation"] > 0).all()
    assert not torch.equal(state["vision.mean"], torch.zeros(32))


VERSIONS = """
[augmentation]
mirror = 0.5
crop = 0.3
variants = 1
pseudo = 0.5
pseudo_fakes = [{ use = "self-blend" }]
"""


def test_what_tells_the_groups_of_reals_apart_is_taken_out(root):
    manifest = root / "data" / "manifest.csv"
    head, *lines = manifest.read_text().splitlines()
    groups = ["group", *("abc"[number // 2 % 3] for number in range(len(lines)))]
    together = [f"{line},{group}" for line, group in zip([head, *lines], groups, strict=True)]
    manifest.write_text("\n".join(together) + "\n")
    recipe = built(root)
    loaded = load(root / "run", "cpu")
    files = [root / "data" / f"{number}.png" for number in range(0, 24, 2)]
    images = [torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in files]
    prepared, beside = loaded.predictor.prepared(images)
    encoder = loaded.predictor.module.vision
    rows = encoder(prepared, clip_features=beside["clip-features"]).double()
    means = torch.stack([rows[place::3].mean(0) for place in range(3)])
    assert recipe.assembly == "clip-probe"
    assert torch.linalg.matrix_rank(encoder.directions) == 2
    assert (means - means.mean(0)).abs().max() < 1e-4 < (rows - rows.mean(0)).abs().max()


def test_versions_are_made_once_of_the_images_as_they_were_changed(root, monkeypatch):
    made: list[list[torch.Tensor]] = []
    many = MakesFeatures.many

    def spied(self, sources):
        if len(sources[0].image.unique()) > 1:  # not the black image of a first look
            made.append([source.image for source in sources])
        return many(self, sources)

    monkeypatch.setattr(MakesFeatures, "many", spied)
    built(root, VERSIONS.replace("variants", "strongest = 1\nvariants"))
    images = [image for batch in made for image in batch]
    # 40 as they are, at most 24 changed; 12 reals' pseudo-fakes of two versions at most.
    assert 40 + 12 < len(images) <= 40 + 24 + 2 * 12
    assert any(image.shape[1:] != (40, 40) for image in images)
    assert len({image.numpy().tobytes() for image in images}) == len(images)


def test_pools_of_blocks_are_those_of_the_tower(root):
    built(root)
    options = {**TOWER, "weights": root / "t.safetensors", "read": (1, 2), "size": 32}
    source = Source(torch.from_numpy(np.array(Image.open(root / "data/0.png"))).permute(2, 0, 1))
    context = BuildContext(image_size=32)
    of = {
        pool: ClipFeatures(**options, pool=pool, precision="fp32").build(context)(source)
        for pool in ("class", "patches", "both")
    }
    assert ClipFeatures(**options, pool="both").length == len(of["both"]) == 64
    first, patches = of["both"].view(2, 2, 16).unbind(1)  # of each block the one, then the other
    assert torch.equal(first.flatten(), of["class"])
    assert torch.equal(patches.flatten(), of["patches"])


def test_what_the_data_are_encoded_again_with_reaches_the_features(root):
    """The cure for formats that give the label away works on a frozen tower too."""
    built(root)
    recipe = read_recipe(root / "recipe.toml", plugins=discover(), registry=read_registry())
    again = recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"reencode": "jpeg:20"})}
    )
    pixels = np.array(Image.open(root / "data/0.png").resize((32, 32)))
    encoded = Reencoder.named("jpeg:20")(pixels)
    plain, jpeg = (Source(torch.tensor(one).permute(2, 0, 1)) for one in (pixels, encoded))
    (as_it_is,), (anew,) = recipe.inputs().makers, again.inputs().makers
    assert torch.equal(anew.make(plain), as_it_is.make(jpeg))
    assert not torch.equal(anew.make(plain), as_it_is.make(plain))
    assert anew.folder != as_it_is.folder


def test_vectors_of_another_arithmetic_are_not_taken(root, monkeypatch):
    built(root)
    recipe = read_recipe(root / "recipe.toml", plugins=discover(), registry=read_registry())
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "yes")
    part = recipe.input[0].model_copy(update={"precision": "auto"})
    folders = set()
    for units in ("yes", "no"):
        monkeypatch.setenv("MFCLIP_BF16_UNITS", units)
        (maker,) = recipe.model_copy(update={"input": (part,)}).inputs().makers
        folders.add(maker.folder)
    assert len(folders) == 2


def test_it_learns(root):
    built(root)
    loaded = load(root / "run", "cpu")
    scores = loaded.score([root / "data" / f"{number}.png" for number in range(32, 40)])
    fakes, reals = ([s.p_fake for s in scores[start::2]] for start in (1, 0))
    assert min(fakes) > max(reals)


def test_other_weights_of_that_name_are_refused(root):
    built(root)
    keep_tower(root, seed=1)
    with pytest.raises(BundleError, match=r"input\.0 was built with the weights 'tiny' of sha256"):
        load(root / "run", "cpu")


def test_weights_that_are_not_here_are_told(root):
    built(root)
    file_of("tiny").unlink()
    with pytest.raises(UsageError, match="no weights are called 'tiny'"):
        load(root / "run", "cpu")


def test_the_recipe_for_own_faces_builds_on_two_folders(root):
    """The recipe as it is, but for a small tower, small images and few epochs."""
    for number in range(40):
        folder = root / "own" / ("fake" if number % 2 else "real")
        folder.mkdir(parents=True, exist_ok=True)
        (root / "data" / f"{number}.png").rename(folder / f"{number}.png")
    changes = [
        f"data.root={root / 'own'}",
        "data.findings=warn",
        "preprocessing.size=32",
        *(f"input.0.{name}={value}" for name, value in TOWER.items()),
        *("input.0.weights=tiny", "input.0.size=32", "input.0.read=[1, 2]", "vision.length=64"),
        *("training.epochs=3", "training.workers=0", "evaluation.bootstrap=100"),
    ]
    recipe = read_recipe(OWN, overrides=changes, plugins=discover(), registry=read_registry())
    build(recipe, root / "run", plugins=discover(), events=Silent(), device="cpu")
    images = sorted((root / "own").rglob("*.png"))
    found = {score.p_fake for score in load(root / "run", "cpu").score(images)}
    assert len(found) > 10
    assert recipe.training.sampling == "balanced"
    # Features of the images as they are, and of their versions beside them.
    assert len([*(root / "cache/inputs").rglob("*.npy")]) > 40
