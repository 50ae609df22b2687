"""A detector as an OpenVINO model, against the bundle that it was made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from mfclip.errors import BundleError, UsageError
from mfclip.exporting.about import describe
from mfclip.exporting.exported import load_exported
from mfclip.exporting.openvino_model import int8_layers, kept_exact, save, to_int8, to_openvino
from mfclip.exporting.sessions import compiled


@pytest.fixture
def model(onnx_file):
    return to_openvino(onnx_file)


def smooth(count: int = 24) -> list[torch.Tensor]:
    """Pictures so smooth that 64-bit sums over their pixel pairs do not fit into 32 bits."""
    draw = torch.Generator().manual_seed(3)
    coarse = torch.rand(count, 3, 6, 6, generator=draw)
    soft = functional.interpolate(coarse, (64, 64), mode="bicubic")
    return list((soft.clamp(0, 1) * 255).round().byte())


def test_scores_are_the_bundles_on_rough_and_on_smooth_pictures(
    model, bundle, loaded, pictures, tmp_path
):
    save(model, tmp_path, describe(bundle))
    exported = load_exported(tmp_path)
    for samples in (pictures.samples, smooth()):
        np.testing.assert_allclose(
            exported.predictor(samples), loaded.predictor(samples), atol=2e-5
        )
    assert load_exported(tmp_path / "model.xml").about == exported.about
    assert exported.operating == bundle.about.operating


def test_what_chooses_and_what_filters_stays_exact(model):
    kept = kept_exact(model)
    operations = {op.get_friendly_name(): op for op in model.get_ordered_ops()}
    kinds = [operations[name].get_type_name() for name in kept]
    assert kinds.count("TopK") >= 1
    assert kinds.count("Convolution") == 1  # that of the fixed filters
    whole = [op for op in operations.values() if op.get_type_name() == "Convolution"]
    assert len(whole) > 5


def test_int8_keeps_the_choice_and_says_how_much_of_it_is_int8(model, bundle, pictures, loaded):
    prepare = bundle.recipe.preprocessor()

    def prepared(image):
        return prepare([image], torch.device("cpu")).numpy()

    samples = pictures.samples
    quantised = to_int8(model, samples[::2], prepared)
    inside, layers = int8_layers(quantised)
    assert 0 < inside < layers
    run = compiled(quantised, "int8")
    found = np.concatenate([run({"images": prepared(one)})["log_odds"] for one in samples[1::2]])
    gap = np.abs(found - loaded.predictor(samples[1::2]))
    rough = torch.backends.cpu.get_cpu_capability() == "AVX2"  # sums of int8 in 16 bits
    assert 1e-6 < gap.max() < (0.4 if rough else 0.25)


def test_int8_wants_enough_images(model, pictures):
    with pytest.raises(UsageError, match="give at least 16 with --images"):
        to_int8(model, pictures.samples[:7], lambda image: image.numpy())


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "model.xml").write_text("<net/>")
    with pytest.raises(BundleError, match=r"model\.xml is no model that OpenVINO reads"):
        load_exported(tmp_path)


def test_a_model_of_somebody_else_is_refused(model, tmp_path):
    import openvino

    openvino.save_model(model, tmp_path / "model.xml")
    with pytest.raises(BundleError, match="was not written by mfclip"):
        load_exported(tmp_path)
