"""timm's models by name, size and file, against timm's own ways of doing the same."""

import socket
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_vision.parts import Timm
from mfclip_vision.timm_models import features_of, known, make


def randomised(model: str) -> nn.Module:
    """timm's whole model, its weights and statistics far from their start."""
    made = timm.create_model(model)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.2 * torch.rand_like(tensor)).add_(0.05 * torch.rand_like(tensor))
    return made.eval()


@pytest.fixture
def saved(tmp_path):
    """``saved(model, drop=…, add=…)``: a whole model, and the file of its state dict."""

    def save(model: str, drop: str = "", add: dict | None = None) -> tuple[nn.Module, Path]:
        whole, file = randomised(model), tmp_path / f"{model}.safetensors"
        state = {k: v.contiguous() for k, v in whole.state_dict().items()}
        save_file({k: v for k, v in state.items() if k != drop} | (add or {}), file)
        return whole, file

    return save


def pictures(size: int) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_file_fills_everything_but_the_classifier(saved):
    for model in ("test_efficientnet", "test_resnet", "test_vit"):
        whole, file = saved(model)
        expected = whole.forward_head(whole.forward_features(pictures(160)), pre_logits=True)
        found = make(model, 160, weights=file).eval()(pictures(160))
        assert torch.equal(found, expected), model
        assert (make(model, 160).eval()(pictures(160)) - expected).abs().max() > 0.01, model


def test_a_classifier_of_several_layers_is_left_out_too():
    """caformer's ends in two layers and a norm; only the last is what timm calls the classifier."""
    with torch.device("meta"):
        whole, without = timm.create_model("caformer_s18"), make("caformer_s18", 224)
    rest = set(whole.state_dict()) - set(without.state_dict())
    assert {name.rpartition(".")[0] for name in rest} == {
        "head.fc.fc1",
        "head.fc.norm",
        "head.fc.fc2",
    }


def test_such_a_file_is_taken(tmp_path):
    state = timm.create_model("caformer_s18").state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, file := tmp_path / "c.safetensors")
    made = make("caformer_s18", 64, weights=file)
    assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items())


def test_the_classifier_may_be_absent_or_of_other_classes(saved):
    whole, file = saved("test_resnet", drop="fc.weight", add={"fc.bias": torch.ones(2)})
    assert torch.equal(make("test_resnet", 64, weights=file).conv1[0].weight, whole.conv1[0].weight)


@torch.no_grad()
@pytest.mark.parametrize("model", ["test_vit", "test_vit3"])
def test_places_are_resampled_as_timm_does_when_it_loads(model, saved):
    _, file = saved(model)
    expected = timm.create_model(
        model,
        pretrained=True,
        pretrained_cfg_overlay={"file": str(file)},
        num_classes=0,
        img_size=96,
    )
    found = make(model, 96, weights=file)
    torch.testing.assert_close(found.eval()(pictures(96)), expected.eval()(pictures(96)))


@pytest.mark.parametrize("model", ["test_vit", "test_maxvit", "test_vit_relpos"])
def test_another_size_gives_one_architecture_with_and_without_weights(model, saved):
    """A detector that is read back is built without them."""
    _, file = saved(model)
    filled, bare = make(model, 96, weights=file), make(model, 96)
    shapes = [{k: v.shape for k, v in one.state_dict().items()} for one in (filled, bare)]
    assert shapes[0] == shapes[1]
    assert features_of(filled, model, 96) == filled.num_features


def test_a_size_that_timm_cannot_resample_to_is_built_from_scratch():
    made = make("cait_xxs24_224", 96)
    assert made.pos_embed.shape == (1, (96 // 16) ** 2, 192)
    assert features_of(made, "cait_xxs24_224", 96) == 192


def test_weights_that_timm_cannot_resample_are_refused(saved):
    _, file = saved("cait_xxs24_224")
    assert make("cait_xxs24_224", 224, weights=file)
    with pytest.raises(RecipeError, match=r"of another shape: pos_embed \[1, 196, 192\] instead"):
        make("cait_xxs24_224", 96, weights=file)


def test_a_file_of_something_else_is_refused_with_what_differs(saved):
    _, file = saved("test_resnet", drop="bn1.weight", add={"adapter.weight": torch.ones(2)})
    with pytest.raises(RecipeError) as caught:
        make("test_resnet", 64, weights=file)
    assert f"{file} does not hold the weights of test_resnet" in str(caught.value)
    assert "missing: bn1.weight\n" in str(caught.value)
    assert "unexpected: adapter.weight" in str(caught.value)
    with pytest.raises(RecipeError, match=r"missing: .* more\n.*unexpected: .* more"):
        make("test_efficientnet", 64, weights=file)


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04K\x01."])
def test_a_file_that_cannot_be_read(content, tmp_path):
    file = tmp_path / "broken.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RecipeError, match=r"cannot read the weights .*broken\.safetensors"):
        make("test_resnet", 64, weights=file)


def test_a_wrong_name_is_told_with_the_nearest():
    with pytest.raises(RecipeError, match="no model called 'resnet_50'; did you mean 'resnet50'"):
        make("resnet_50", 64)


def test_a_wrong_tag_is_told_with_those_there_are():
    assert known("resnet50.tv_in1k").tag == "tv_in1k"
    with pytest.raises(RecipeError, match=r"no resnet50 tagged 'tv_in2k'; did you mean 'tv_in1k'"):
        make("resnet50.tv_in2k", 64)


def test_a_tag_brings_its_mean_and_deviation():
    assert known("resnet50.a1_in1k").mean != known("vit_base_patch16_224.augreg_in1k").mean
    assert known("vit_base_patch16_224.orig_in21k").mean == (0.5, 0.5, 0.5)


def test_options_and_sizes_that_a_model_does_not_take():
    with pytest.raises(RecipeError, match=r"cannot make vgg11 with .*drop_path_rate = 0\.1"):
        make("vgg11", 64, drop_path=0.1)
    small = make("test_convnext", 16)
    with pytest.raises(RecipeError, match=r"test_convnext takes no images of 16x16 .* size is 160"):
        features_of(small, "test_convnext", 16)


def test_a_refusal_without_words_is_named_by_its_kind():
    """halonet's blocks must divide its map, which a bare assertion checks."""
    with pytest.raises(RecipeError, match=r"no images of 128x128 pixels: AssertionError; its own"):
        features_of(make("halonet26t", 128), "halonet26t", 128)


def test_maps_are_no_pooled_features():
    with pytest.raises(RecipeError, match=r"one image became \(1, 5, 30, 30\) where \(1, f\)"):
        features_of(nn.Conv2d(3, 5, 3), "a model", 32)


def test_trying_leaves_mode_and_statistics_alone():
    made = make("test_efficientnet", 64).train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert features_of(made, "test_efficientnet", 64) == 256
    assert made.training
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_nothing_is_fetched(monkeypatch):
    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert Timm().build(BuildContext(image_size=32))
    assert Timm(model="resnet18.a1_in1k").build(BuildContext(image_size=32))
