"""A folder for transformers: its auto classes and pipeline give the bundle's scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification, pipeline

import mfclip.transformers
from mfclip.errors import MfclipError
from mfclip.exporting.huggingface import folder_predictor, write_folder


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("transformers") / "out"
    out.mkdir()
    write_folder(out, bundle)
    return out


@pytest.fixture(scope="module")
def files(pictures, tmp_path_factory):
    into = tmp_path_factory.mktemp("files")
    for number, image in enumerate(pictures.samples[:6]):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(into / f"{number}.png")
    return sorted(map(str, into.iterdir()))


def test_the_pipeline_gives_p_fake(folder, files, loaded):
    found = pipeline("image-classification", model=str(folder))(files)
    for rows, score in zip(found, loaded.score(files), strict=True):
        by_label = {row["label"]: row["score"] for row in rows}
        assert by_label.keys() == {"real", "fake"}
        assert by_label["fake"] == pytest.approx(score.p_fake, abs=1e-5)


def test_the_auto_classes_give_p_fake(folder, pictures, loaded):
    expected = loaded.operating.p_fake(loaded.predictor(pictures.samples))
    found = folder_predictor(folder)(pictures.samples)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_fixed_filters_survive_loading(folder, bundle):
    model = AutoModelForImageClassification.from_pretrained(folder)
    own = dict(bundle.detector(text_side=False).named_buffers())
    found = dict(model.detector.named_buffers())
    fixed = [name for name in own if "srm" in name]
    assert fixed
    for name in fixed:
        assert torch.equal(found[name], own[name])


def test_the_image_processor_prepares_as_mfclip_does(folder, files, bundle, loaded):
    processor = AutoImageProcessor.from_pretrained(folder)
    assert isinstance(processor, mfclip.transformers.MfclipImageProcessor)
    images = [np.asarray(Image.open(file)) for file in files]
    planes = [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in images]
    expected = bundle.recipe.preprocessor()(planes, torch.device("cpu"))
    for given in (files, images, [Image.open(file) for file in files]):
        assert torch.equal(processor(given, return_tensors="pt")["pixel_values"], expected)
    with pytest.raises(ValueError, match="image 0: missing"):
        processor("absent.png")


def test_a_loss_for_labels_and_gradients_for_the_weights(folder):
    model = AutoModelForImageClassification.from_pretrained(folder)
    out = model(torch.rand(2, 3, 64, 64), labels=torch.tensor([0, 1]))
    expected = torch.nn.functional.cross_entropy(out.logits, torch.tensor([0, 1]))
    assert torch.equal(out.loss, expected)
    out.loss.backward()
    assert model.detector.head.weight.grad.abs().sum() > 0


def test_it_saves_and_loads_again(folder, tmp_path):
    model = AutoModelForImageClassification.from_pretrained(folder)
    model.save_pretrained(tmp_path)
    again = AutoModelForImageClassification.from_pretrained(tmp_path).state_dict()
    before = model.state_dict()
    assert before.keys() == again.keys()
    assert all(torch.equal(again[name], value) for name, value in before.items())


def test_nothing_of_the_training_data_or_code_is_in_the_folder(folder):
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    config = json.loads((folder / "config.json").read_text())
    assert "auto_map" not in config
    assert "[data]" not in config["recipe"]
    assert "[training]" not in config["recipe"]
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "import mfclip.transformers" in card
    assert "mfclip score ." not in card


def test_a_recipe_of_unknown_parts_is_refused(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    config["recipe"] = config["recipe"].replace('use = "mve"', 'use = "gone-encoder"')
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(MfclipError, match="no image encoder is called 'gone-encoder'"):
        AutoModelForImageClassification.from_pretrained(tmp_path)


def test_a_fresh_process_without_network_loads_it(folder, files, loaded):
    code = (
        "import sys, mfclip.transformers; from transformers import pipeline; "
        "rows = pipeline('image-classification', model=sys.argv[1])(sys.argv[2]); "
        "print([row['score'] for row in rows if row['label'] == 'fake'][0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder, files[0]],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    (score,) = loaded.score(files[0])
    assert float(done.stdout) == pytest.approx(score.p_fake, abs=1e-5)
