"""From a recipe of the shipped parts to a bundle, and from the bundle to scores."""

import json

import numpy as np
import pytest
import torch

import mfclip
from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble, losses
from mfclip.detector.cost import cost
from mfclip.detector.outputs import Targets
from mfclip.errors import BundleError, UsageError
from mfclip.inference.predict import Predictor
from mfclip.metrics.operating import OperatingPoints
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

SMALL = """
recipe = 1
name = "small"
assembly = "mfclip"
[vision.image]
channels = [4, 8]
convolutions = [1, 2]
dim = 16
depth = 1
heads = 2
mlp = 16
[vision.noise]
patch_size = 16
channels = 4
grid = 4
dim = 16
blocks = 1
heads = 2
mlp = 16
[text]
dim = 16
heads = 2
layers = 1
mlp = 16
[preprocessing]
size = 32
"""
LABELS = [
    HierarchicalLabel("fake", "EFS", "diffusion", "DDPM"),
    HierarchicalLabel("fake", "FS", "GAN", "FSLSD"),
    HierarchicalLabel("real"),
]


@pytest.fixture(scope="module")
def plugins():
    return discover()


@pytest.fixture(scope="module")
def recipe(plugins):
    return read_recipe_text(SMALL, "small.toml", plugins=plugins, registry=read_registry())


@pytest.fixture(scope="module")
def prompts(recipe):
    return PromptTable.make(LABELS, recipe.prompts.build(recipe.context()))


@pytest.fixture
def detector(recipe, prompts):
    torch.manual_seed(0)
    detector = assemble(recipe, prompts)
    detector(torch.rand(8, 3, 32, 32), torch.tensor([0, 1, 2, 2] * 2))  # moves its statistics
    return detector


@pytest.fixture
def bundle(tmp_path, recipe, prompts, plugins, detector):
    folder = tmp_path / "bundle"
    operating = OperatingPoints(temperature=0.5, threshold=0.45)
    contents = BundleContents(
        detector, recipe, prompts, needs_of(recipe, plugins), operating, seed=0
    )
    write_bundle(folder, contents)
    return folder


def test_all_parts_of_mfclip_train_together(recipe, detector):
    images = torch.rand(5, 3, 32, 32)
    prompt = torch.tensor([2, 0, 1, 2, 2])
    outputs = detector(images, prompt)
    targets = Targets(label=(prompt != 2).long(), prompt=prompt)
    terms = losses(recipe)
    assert [term.name for term in terms] == ["cross-modal", "language-kl", "cross-entropy"]
    total = sum(term.weight * term.module(outputs, targets) for term in terms)
    total.backward()
    without = {n for n, p in detector.named_parameters() if p.grad is None}
    assert without == set()
    touched = {n.split(".")[0] for n, p in detector.named_parameters() if p.grad.abs().any()}
    assert touched == {"vision", "head", "text", "predictor", "alignment"}


def test_every_part_has_its_cost(detector):
    rows = {row.path: row for row in cost(detector, 32, 2, 24)}
    assert {"vision", "vision.image", "vision.noise", "text", "alignment", "head"} <= rows.keys()
    assert rows["vision"].macs == rows["vision.image"].macs + rows["vision.noise"].macs
    assert min(rows[path].macs for path in ("vision.noise", "vision.image", "text")) > 0


def test_a_loaded_detector_scores_as_the_one_that_was_saved(bundle, recipe, detector, images):
    loaded = mfclip.load(bundle, device="cpu", precision="fp32")
    ready = Predictor(
        detector,
        Preprocessor(recipe.preprocessing),
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    expected = torch.from_numpy(ready(images) / 0.5).sigmoid().tolist()
    scores = loaded.score(images)
    assert [score.p_fake for score in scores] == pytest.approx(expected, abs=1e-7)
    assert len(set(expected)) == len(images)
    assert loaded.threshold == 0.45
    assert loaded.recipe == recipe
    assert loaded.device == torch.device("cpu")
    assert loaded.predictor.module.text is None


def test_the_shipped_parts_run_in_bf16(recipe, detector, images):
    full, reduced = (
        Predictor(
            detector, Preprocessor(recipe.preprocessing), device=torch.device("cpu"), precision=kind
        )
        for kind in (torch.float32, torch.bfloat16)
    )
    assert reduced.module.vision.image.project.weight.dtype == torch.bfloat16
    assert reduced(images).tolist() == pytest.approx(full(images).tolist(), abs=0.05)


def test_a_bundle_without_text_side_scores_alike(bundle, tmp_path, recipe, detector, images):
    light = tmp_path / "light"
    needs = mfclip.load(bundle).bundle.about.needs
    write_bundle(light, BundleContents(detector, recipe, needs=needs), text_side=False)
    weights = [folder / "model.safetensors" for folder in (light, bundle)]
    assert weights[0].stat().st_size < weights[1].stat().st_size / 5
    settings = {"device": "cpu", "precision": "fp32"}
    found = mfclip.load(light, **settings).predictor(images)
    assert found.tolist() == mfclip.load(bundle, **settings).predictor(images).tolist()


def test_an_unfitted_bundle_has_a_neutral_calibration(tmp_path, recipe, plugins, detector, images):
    contents = BundleContents(detector, recipe, needs=needs_of(recipe, plugins))
    write_bundle(tmp_path / "raw", contents, text_side=False)
    loaded = mfclip.load(str(tmp_path / "raw"), device="cpu", precision="fp32")
    assert loaded.threshold == 0.5
    log_odds = torch.from_numpy(loaded.predictor(images))
    assert [s.p_fake for s in loaded.score(images)] == pytest.approx(log_odds.sigmoid().tolist())


@pytest.mark.parametrize("value", [-1, "x", [1]])
@pytest.mark.parametrize("name", ["temperature", "threshold"])
def test_a_calibration_that_is_none_is_refused(bundle, name, value):
    about = json.loads((bundle / "bundle.json").read_text())
    about["operating"][name] = value
    (bundle / "bundle.json").write_text(json.dumps(about))
    with pytest.raises(BundleError, match=rf"no description of a bundle: operating\.{name}: "):
        mfclip.load(bundle)


def test_a_score_depends_on_nothing_but_its_image(bundle, images):
    loaded = mfclip.load(bundle, device="cpu", precision="fp32")
    alone = [loaded.score(image)[0].p_fake for image in images]
    turned = [score.p_fake for score in loaded.score(images[::-1], batch_size=3)]
    assert turned[::-1] == pytest.approx(alone, abs=1e-6)


def test_devices_and_precisions_that_do_not_exist_are_refused(bundle):
    with pytest.raises(UsageError, match="no device is called 'tpu'"):
        mfclip.load(bundle, device="tpu")
    with pytest.raises(UsageError, match="no precision is called 'fp8'"):
        mfclip.load(bundle, precision="fp8")


@pytest.fixture
def of_bf16(tmp_path, recipe, plugins, detector):
    """A bundle whose figures were made in bfloat16."""
    needs = needs_of(recipe, plugins)
    write_bundle(
        tmp_path / "of-bf16", BundleContents(detector, recipe, needs=needs, precision="bf16")
    )
    return tmp_path / "of-bf16"


def test_a_bundle_is_scored_in_the_arithmetic_of_its_figures(of_bf16, bundle, monkeypatch, images):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "yes")
    loaded = mfclip.load(of_bf16, device="cpu")
    assert loaded.predictor.precision == torch.bfloat16
    assert str(loaded.arithmetic) == "computed in bf16"
    exact = mfclip.load(of_bf16, device="cpu", precision="fp32")
    assert exact.predictor.precision == torch.float32
    assert "computed in fp32; threshold and figures were made in bf16" in str(exact.arithmetic)
    assert not np.array_equal(exact.predictor(images), loaded.predictor(images))


def test_without_units_for_it_a_bf16_bundle_is_scored_in_fp32_and_says_so(of_bf16, monkeypatch):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "no")
    loaded = mfclip.load(of_bf16, device="cpu")
    assert loaded.predictor.precision == torch.float32
    assert "made in bf16" in str(loaded.arithmetic)


@pytest.mark.parametrize(("units", "used"), [("yes", torch.bfloat16), ("no", torch.float32)])
def test_a_bundle_that_does_not_say_is_scored_as_the_machine_likes(
    bundle, monkeypatch, units, used
):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", units)
    loaded = mfclip.load(bundle, device="cpu")
    assert loaded.predictor.precision == used
    assert loaded.arithmetic.recorded == ""


def test_the_recipe_of_an_older_bundle_names_its_precision(bundle, monkeypatch):
    recipe = (bundle / "recipe.toml").read_text()
    named = '\n[data]\nuse = "sample"\n[training]\nprecision = "fp32"\n'
    (bundle / "recipe.toml").write_text(recipe + named)
    about = json.loads((bundle / "bundle.json").read_text())
    about["needs"].append({**about["needs"][0], "kind": "dataset", "name": "sample"})
    del about["precision"]
    (bundle / "bundle.json").write_text(json.dumps(about))
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "yes")
    loaded = mfclip.load(bundle, device="cpu")
    assert (loaded.predictor.precision, loaded.arithmetic.recorded) == (torch.float32, "fp32")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="is no bundle"):
        mfclip.load(tmp_path)
