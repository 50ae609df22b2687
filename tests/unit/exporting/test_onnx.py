"""A detector as an ONNX file, against the bundle that it was made from."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper
from PIL import Image
from torch import nn

from mfclip.data.preprocess import Preprocessor
from mfclip.detector.base import DetectorModule
from mfclip.detector.outputs import Outputs
from mfclip.errors import BundleError, PluginError, UsageError
from mfclip.exporting.about import KEY, describe
from mfclip.exporting.exported import is_exported, load_exported
from mfclip.exporting.onnx_file import write_onnx
from mfclip.exporting.subject import Scorer, check_exportable, reads
from mfclip.inference.score import score_paths


def test_scores_are_the_bundles_for_every_number_of_images(onnx_file, loaded, pictures):
    exported = load_exported(onnx_file)
    samples = pictures.samples
    expected = loaded.predictor(samples)
    assert np.ptp(expected) > 0.05
    for count in (1, 2, 7, len(samples)):
        found = exported.predictor(samples[:count])
        np.testing.assert_allclose(found, expected[:count], atol=2e-5)


@pytest.mark.parametrize("place", range(4))
def test_the_patch_is_chosen_inside(onnx_file, loaded, place):
    pixels = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    row, column = divmod(place, 2)
    grain = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(place))
    pixels[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = grain.byte()
    found = load_exported(onnx_file).predictor([pixels])
    np.testing.assert_allclose(found, loaded.predictor([pixels]), atol=2e-5)


def test_its_graph_has_one_input_an_open_batch_and_both_outputs(onnx_file, loaded, pictures):
    session = onnxruntime.InferenceSession(onnx_file)
    (given,) = session.get_inputs()
    assert given.name == "images"
    assert given.shape == ["batch", 3, 64, 64]
    assert [one.name for one in session.get_outputs()] == ["log_odds", "p_fake"]
    images = loaded.predictor.preprocessor(pictures.samples[:5], torch.device("cpu"))
    log_odds, p_fake = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(p_fake, 1 / (1 + np.exp(-log_odds / 0.2)), atol=1e-6)


def test_files_get_the_verdicts_of_the_bundle(onnx_file, loaded, pictures, tmp_path):
    paths = []
    for number, image in enumerate(pictures.samples[:8]):
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(paths[-1], quality=90)
    (tmp_path / "8.png").write_bytes(b"no image")
    paths.append(tmp_path / "8.png")
    exported = load_exported(onnx_file)
    one, other = (list(score_paths(each, paths, workers=0)) for each in (loaded, exported))
    for expected, found in zip(one, other, strict=True):
        assert (found.path, found.verdict, found.status) == (
            expected.path,
            expected.verdict,
            expected.status,
        )
        assert found.p_fake == pytest.approx(expected.p_fake, abs=1e-4)
    assert exported.weights_sha256 == loaded.weights_sha256
    assert "computed in fp32" in str(exported.arithmetic)


def test_a_file_of_somebody_else_is_refused(tmp_path):
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], "g", [value], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BundleError, match=r"other\.onnx was not written by mfclip"):
        load_exported(tmp_path / "other.onnx")


def test_a_damaged_file_is_refused(onnx_file, tmp_path):
    (tmp_path / "half.onnx").write_bytes(onnx_file.read_bytes()[:2000])
    with pytest.raises(BundleError, match="no ONNX model that onnxruntime reads"):
        load_exported(tmp_path / "half.onnx")
    with pytest.raises(BundleError, match=r"absent\.onnx"):
        load_exported(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "is of format 2; mfclip .* reads up to 1"),
        ({"labels": ["fake", "real"]}, "has the labels"),
        ({"operating": {"temperature": -1}}, r"mfclip\.operating\.temperature"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(onnx_file, tmp_path, change, message):
    model = onnx.load(onnx_file)
    (entry,) = (one for one in model.metadata_props if one.key == KEY)
    entry.value = json.dumps(json.loads(entry.value) | change)
    onnx.save(model, tmp_path / "changed.onnx")
    with pytest.raises(BundleError, match=message):
        load_exported(tmp_path / "changed.onnx")


@pytest.mark.parametrize(
    ("options", "told"),
    [({"device": "cuda"}, "--device cuda"), ({"precision": "bf16"}, "--precision bf16")],
)
def test_device_and_precision_are_the_models_own(onnx_file, options, told):
    with pytest.raises(UsageError, match=f"{told}: an exported model is computed on the CPU"):
        load_exported(onnx_file, **options)


def test_what_counts_as_an_exported_model(tmp_path, bundle, onnx_file):
    assert is_exported(onnx_file)
    assert not is_exported(bundle.folder)
    (tmp_path / "model.xml").touch()
    assert is_exported(tmp_path)


class Deciding(DetectorModule):
    """Takes a decision in Python that depends on the pixels."""

    labels = {"detector": "detector"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, images):
        means = images.mean((2, 3))
        return Outputs(logits=self.layer(means if means.sum() > 1 else -means))

    def scoring(self):
        return self


def test_a_part_that_cannot_be_traced_is_named(bundle, tmp_path):
    with pytest.raises(PluginError, match=r"cannot be traced for ONNX: .* --to transformers"):
        write_onnx(tmp_path / "x.onnx", Scorer(Deciding(), 1.0), (3, 8, 8), describe(bundle))
    assert not list(tmp_path.iterdir())


def test_what_is_read_beside_the_image_is_found():
    made = SimpleNamespace(name="acme.map", columns=())
    of_row = SimpleNamespace(name="mask", columns=("mask",))
    part = SimpleNamespace(reads=frozenset({"acme.map", "mask"}))
    recipe = SimpleNamespace(detector=None, vision=part, input=(made, of_row))
    assert reads(recipe) == ["acme.map"]
    settings = SimpleNamespace(frames=None)
    recipe.preprocessing = settings
    with pytest.raises(UsageError, match=r"reads acme\.map beside the image"):
        check_exportable(SimpleNamespace(recipe=recipe, folder="b"), frames=True)
    recipe.input, settings.frames = None, 4
    check_exportable(SimpleNamespace(recipe=recipe, folder="b"), frames=True)
    with pytest.raises(UsageError, match="reads clips of 4 frames"):
        check_exportable(SimpleNamespace(recipe=recipe, folder="b"), frames=False)


def test_the_preprocessing_is_the_bundles(onnx_file, bundle):
    exported = load_exported(onnx_file)
    assert isinstance(exported.predictor.preprocessor, Preprocessor)
    kept = bundle.recipe.preprocessing.model_dump(exclude={"faces"})
    assert exported.preprocessing.model_dump() == kept
    assert exported.operating == bundle.about.operating
