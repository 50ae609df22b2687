"""VLFFD: mixing on drawn pairs whose difference is known, co-training against float64 formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional

from mfclip.detector.outputs import Outputs, Targets
from mfclip.parts import BuildContext
from mfclip_baselines import vlffd
from mfclip_baselines.schemas.vlffd import CoarseAndFine, Vlffd
from mfclip_baselines.vlffd import FINE, REGIONS, TYPES, blurred, drawn_regions, fine_part, kinds

from .conftest import image_tower, learns

SMALL = Vlffd(
    dim=8, tower_width=16, layers=1, heads=2, patch=16, text_width=16, text_layers=1, text_heads=2
)
LABEL = torch.tensor([0, 1, 0, 1])


def built(seed=0):
    torch.manual_seed(seed)
    return SMALL.build(BuildContext(image_size=64))


def test_with_weights_of_the_image_tower_everything_learns(tmp_path):
    file = image_tower(nn.ModuleDict({"visual": built(seed=1).image}), tmp_path / "x.safetensors")
    torch.manual_seed(0)
    part = SMALL.model_copy(update={"weights": file, "weights_of": "image"})
    network = part.build(BuildContext(image_size=64))
    reference = built(seed=1).image.conv1.weight
    torch.testing.assert_close(network.image.conv1.weight, reference, rtol=0, atol=0)
    torch.testing.assert_close(network.text.state_dict(), built().text.state_dict())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.fixture
def photos():
    """Two faces: soft shapes with a little grain, 0-1."""
    random = torch.Generator().manual_seed(0)
    soft = functional.interpolate(
        torch.rand(2, 3, 8, 8, generator=random), size=(64, 64), mode="bicubic"
    )
    return (0.2 + 0.5 * soft + 0.02 * torch.randn(2, 3, 64, 64, generator=random)).clamp(0, 1)


def changed(photos, how, box):
    """The photos with one kind of change inside a box, and its mask."""
    top, bottom, left, right = (round(64 * side) for side in box)
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, top:bottom, left:right] = 1
    random = torch.Generator().manual_seed(1)
    other = {
        "colour": photos + torch.tensor([0.15, -0.1, 0.1]).view(3, 1, 1),
        "texture": photos + 0.1 * torch.randn(photos.shape, generator=random),
        "structure": photos.flip(3) - photos.flip(3).mean((2, 3), True) + photos.mean((2, 3), True),
    }[how]
    return torch.where(mask > 0, other, photos), mask


@pytest.mark.parametrize("how", TYPES)
def test_the_sentence_names_the_kind_of_change(how, photos):
    fake, mask = changed(photos, how, (0.0, 1.0, 0.0, 1.0))
    assert [TYPES[kind] for kind in kinds(fake, photos, mask)] == [how, how]


@pytest.mark.parametrize("region", ["eyes", "mouth"])
def test_the_sentence_names_a_region_that_was_changed(region, photos):
    fake, mask = changed(photos, "colour", REGIONS[region])
    label, known = torch.tensor([1, 1]), torch.ones(2, 1)
    seen = set()
    for _ in range(20):
        images, sentence = fine_part(fake, label, photos, mask, known)
        seen |= {FINE[number - 1] for number in sentence.tolist()}
        outside = blurred(mask, 2.0) < 1e-4
        assert (images - photos).abs()[outside.expand_as(images)].max() < 1e-3
    named = {sentence for sentence in seen if region in sentence}
    assert named == {f"a photo of a face whose {region} was changed in colour"}
    assert any("whole face" in sentence for sentence in seen)
    never = "mouth" if region == "eyes" else "eyes"
    assert not any(never in sentence for sentence in seen)


def test_a_region_without_change_is_never_drawn():
    mask = torch.zeros(50, 1, 64, 64)
    assert set(drawn_regions(mask).tolist()) == {len(REGIONS) - 1}


def test_the_blur_is_scipys():
    x = torch.rand(1, 2, 20, 24, dtype=torch.float64)
    expected = [gaussian_filter(one, 1.5, mode="nearest", truncate=2) for one in x[0].numpy()]
    np.testing.assert_allclose(blurred(x, 1.5)[0].numpy(), np.stack(expected), atol=1e-12)


def test_the_mixture_in_numpy(photos):
    fake, mask = changed(photos, "colour", (0.0, 1.0, 0.0, 1.0))
    region = torch.tensor([list(REGIONS).index("mouth")] * 2)
    top, bottom, left, right = (round(64 * side) for side in REGIONS["mouth"])
    chosen = np.zeros((64, 64))
    chosen[top:bottom, left:right] = 1
    alpha = gaussian_filter(chosen, 1.28, mode="nearest", radius=3)
    expected = alpha * fake.numpy() + (1 - alpha) * photos.numpy()
    found = vlffd.mixed(fake, photos, mask, region)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_without_photos_images_are_blended_with_a_copy_of_themselves(photos):
    """A fake stays a fake; a real one becomes one, or stays as it is and reads so."""
    unknown = (photos, torch.ones(2, 1, 64, 64), torch.zeros(2, 1))
    kept = made = 0
    for _ in range(20):
        images, sentence = fine_part(photos, torch.tensor([0, 1]), *unknown)
        assert sentence[1] > 0
        same = torch.equal(images[0], photos[0])
        assert same == (int(sentence[0]) == 0)
        kept, made = kept + same, made + (not same)
    assert kept > 2
    assert made > 2


def test_a_fake_that_differs_nowhere_is_not_its_photo_called_changed(photos):
    """Its mask is empty: mixed by it, the fine image would be the photo with a fake's sentence."""
    label, empty, known = torch.tensor([1, 1]), torch.zeros(2, 1, 64, 64), torch.ones(2, 1)
    for _ in range(10):
        images, sentence = fine_part(photos.flip(3), label, photos, empty, known)
        assert (sentence > 0).all()
        assert (images - photos).abs().mean((1, 2, 3)).min() > 1e-3
        assert (images - photos.flip(3)).abs().mean((1, 2, 3)).min() > 1e-4


def outputs_of(network, images):
    torch.manual_seed(1)
    mask = torch.ones(len(images), 1, 64, 64)
    return network.train()(images, LABEL, images.flip(3), mask, torch.ones(len(images), 1))


@torch.no_grad()
def test_co_training_in_float64(images):
    network = built()
    embedded = torch.randn(8, 8)
    sentence = torch.tensor([0, 3, 12, 1])
    found = network._together(embedded, LABEL, sentence)
    texts = network.text(functional.pad(network.tokens, (0, 77 - network.tokens.shape[1])))
    e, t = embedded.double().numpy(), texts.double().numpy()
    near = e @ t.T / np.linalg.norm(e, axis=1)[:, None] / np.linalg.norm(t, axis=1) / 0.07
    head = e @ network.head.weight.double().numpy().T + network.head.bias.double().numpy()

    def picked(logits, truth):
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return logs[np.arange(4), truth]

    candidates = np.concatenate([near[4:, :1], near[4:, 2:]], 1)
    expected = {
        "vlffd.coarse-text": picked(near[:4, :2], LABEL.numpy()),
        "vlffd.fine-label": picked(head[4:], (sentence > 0).long().numpy()),
        "vlffd.fine-text": picked(candidates, sentence.numpy()),
    }
    np.testing.assert_allclose(found.logits.numpy(), head[:4], atol=1e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(found.extra[name].numpy(), value, atol=1e-4)


def test_the_loss_is_the_mean_of_three():
    names = sorted(CoarseAndFine.needs)
    extra = {name: -torch.rand(5) for name in names}
    targets = Targets(torch.zeros(5), torch.zeros(5))
    loss = CoarseAndFine(text=0.5).build(BuildContext())(
        Outputs(torch.zeros(5, 2), extra=extra), targets
    )
    means = {name: -float(extra[name].mean()) for name in names}
    text = means["vlffd.coarse-text"] + means["vlffd.fine-text"]
    assert float(loss) == pytest.approx(means["vlffd.fine-label"] + 0.5 * text)


@pytest.mark.parametrize("term", sorted(CoarseAndFine.needs))
def test_each_term_teaches(term, images):
    network = built()
    found = learns(network, -outputs_of(network, images).extra[term].mean())
    text = {name for name, _ in network.named_parameters() if name.startswith(("text.", "scale"))}
    head = {"head.weight", "head.bias"}
    image = {name for name, _ in network.named_parameters()} - text - head
    assert found == image | (head if term == "vlffd.fine-label" else text)


def test_scoring_reads_the_image_alone(images):
    network = built().eval()
    together = network(images).logits
    assert torch.equal(together, network(images, LABEL).logits)
    torch.testing.assert_close(torch.cat([network(one[None]).logits for one in images]), together)
