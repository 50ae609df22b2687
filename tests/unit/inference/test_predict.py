"""Log-odds: right, in order, and independent of everything but the image."""

import numpy as np
import pytest
import torch
from torch import nn

from mfclip.data.images import ImageError
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.detector.whole import PluginDetector
from mfclip.errors import PluginError
from mfclip.inference.fold import fold
from mfclip.inference.predict import Predictor, predict_log_odds

CPU = torch.device("cpu")


@pytest.fixture
def predictor(detector, preprocessor):
    return Predictor(detector, preprocessor, device=CPU, precision=torch.float32)


@pytest.fixture
def manifest(folder):
    rows = [Row(path.relative_to(folder), HierarchicalLabel("real")) for path in folder.iterdir()]
    return Manifest(folder, tuple(sorted(rows, key=lambda row: row.path)))


def run(detector, manifest, preprocessor, **changes):
    settings = {"batch_size": 3, "workers": 0, "device": CPU, "precision": torch.float32}
    return predict_log_odds(detector, manifest, preprocessor, **(settings | changes))


def test_log_odds_are_fake_minus_real_of_the_unfolded_detector(
    predictor, detector, preprocessor, images
):
    with torch.no_grad():
        logits = detector.double().eval()(preprocessor(images, CPU).double()).logits
    expected = (logits[:, 1] - logits[:, 0]).numpy()
    found = predictor(images)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(found) > 0.2  # the images are told apart, so the comparison says something


def test_the_detector_goes_on_training_untouched(predictor, detector, images):
    assert detector.training
    before = predictor(images)
    with torch.no_grad():
        detector.head.weight.zero_()
    np.testing.assert_array_equal(predictor(images), before)


def test_only_the_visual_side_is_kept(predictor):
    assert predictor.module.text is None


def test_batch_norm_is_folded_and_weights_are_channels_last(predictor):
    kinds = {type(module).__name__ for module in predictor.module.modules()}
    assert "Conv2d" in kinds
    assert "BatchNorm2d" not in kinds
    weight = predictor.module.vision[3].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_score_depends_on_nothing_but_its_image(predictor, images):
    together = predictor(images)
    order = [3, 0, 6, 5, 1, 4, 2]
    np.testing.assert_allclose(
        predictor([images[place] for place in order]), together[order], rtol=1e-5, atol=1e-6
    )
    for image, expected in zip(images, together, strict=True):
        np.testing.assert_allclose(predictor([image]), [expected], rtol=1e-5, atol=1e-6)
        crowd = [torch.full((3, 16, 16), 255, dtype=torch.uint8)] * 5
        np.testing.assert_allclose(predictor([*crowd, image])[-1], expected, rtol=1e-5, atol=1e-6)


def test_nothing_in_nothing_out(predictor):
    assert predictor([]).shape == (0,)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 50])
def test_a_manifest_is_scored_in_its_order(
    detector, manifest, preprocessor, images, predictor, batch_size
):
    found = run(detector, manifest, preprocessor, batch_size=batch_size)
    np.testing.assert_allclose(found, predictor(images), rtol=1e-5, atol=1e-6)


def test_progress_counts_up_to_the_total(detector, manifest, preprocessor):
    told = []
    run(detector, manifest, preprocessor, progress=lambda *counts: told.append(counts))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_bf16_is_close_and_not_the_same(detector, manifest, preprocessor):
    full = run(detector, manifest, preprocessor)
    reduced = run(detector, manifest, preprocessor, precision=torch.bfloat16)
    assert not np.array_equal(full, reduced)
    np.testing.assert_allclose(reduced, full, atol=0.05 * np.abs(full).max() + 0.01)


def autocast_alone(detector, images):
    """What bf16 gives where weights are cast in every pass."""
    folded = fold(detector.scoring())
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = folded(images).logits.double()
    return (logits[:, 1] - logits[:, 0]).numpy()


def test_weights_that_are_cast_once_give_what_autocast_gives(detector, preprocessor, images):
    reduced = Predictor(detector, preprocessor, device=CPU, precision=torch.bfloat16)
    weights = [layer.weight for layer in reduced.module.modules() if isinstance(layer, nn.Conv2d)]
    assert {weight.dtype for weight in weights} == {torch.bfloat16}
    expected = autocast_alone(detector, preprocessor(images, CPU))
    np.testing.assert_array_equal(reduced(images), expected)


def test_a_part_that_switches_autocast_off_keeps_its_weights(detector, preprocessor, images):
    class Exact(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.project = inner, nn.Linear(12, 12)

        def forward(self, images):
            with torch.autocast("cpu", enabled=False):
                return self.project(self.inner(images.float()))

    detector.vision = Exact(detector.vision)
    reduced = Predictor(detector, preprocessor, device=CPU, precision=torch.bfloat16)
    assert reduced.module.vision.project.weight.dtype == torch.float32
    expected = autocast_alone(detector, preprocessor(images, CPU))
    np.testing.assert_allclose(reduced(images), expected, rtol=0, atol=1e-6)


def test_a_part_that_fails_for_another_reason_is_heard(detector, preprocessor):
    class Failing(nn.Module):
        def forward(self, images):
            raise RuntimeError("out of luck")

    detector.vision = Failing()
    with pytest.raises(PluginError, match=r"^vision failed in its forward pass: .*out of luck"):
        Predictor(detector, preprocessor, device=CPU, precision=torch.bfloat16)


def test_a_broken_image_of_a_manifest_is_an_error(detector, manifest, preprocessor):
    (manifest.root / "4.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"4\.png"):
        run(detector, manifest, preprocessor)


def test_reduced_precision_gives_unlike_images_unlike_scores(detector, preprocessor):
    """In bfloat16 a logit has 8 significant bits: 200 alike images would share a few scores."""
    grey = torch.linspace(90, 110, 200).round().to(torch.uint8)
    noise = torch.randint(0, 20, (200, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    images = list((grey.view(-1, 1, 1, 1) + noise).to(torch.uint8))
    reduced = Predictor(detector, preprocessor, device=CPU, precision=torch.bfloat16)
    pixels = preprocessor(images, CPU).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        coarse = reduced.module(pixels).logits.bfloat16()
    assert len((coarse[:, 1] - coarse[:, 0]).unique()) < 60
    assert len(np.unique(reduced(images))) > 150


def test_the_plain_head_of_a_whole_detector_is_not_reduced_either(preprocessor, images):
    torch.manual_seed(0)
    whole = PluginDetector(nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.Linear(8, 2)))
    reduced = Predictor(whole, preprocessor, device=CPU, precision=torch.bfloat16)
    body, head = reduced.module.inner[1], reduced.module.inner[2]
    assert (body.weight.dtype, head.weight.dtype) == (torch.bfloat16, torch.float32)
    pixels = preprocessor(images, CPU).flatten(1).bfloat16()
    features = torch.nn.functional.linear(pixels, body.weight, body.bias).double()
    logits = features @ head.weight.double().T + head.bias.double()
    expected = (logits[:, 1] - logits[:, 0]).detach().numpy()
    np.testing.assert_allclose(reduced(images), expected, rtol=0, atol=1e-5)
    assert type(whole.inner[2]) is nn.Linear
