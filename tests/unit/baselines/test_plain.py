"""Xception and ViT are timm's: the same numbers with the same weights, and the sizes in print."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file

from mfclip.errors import RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.xception import Xception

SIZES = {Xception(): 20_811_050, Vit(): 85_800_194}
"""Parameters with two classes: 20.8 M (Rössler et al.), 85.8 M (Dosovitskiy et al.)."""
MODELS = {
    "legacy_xception": Xception(),
    "vit_base_patch16_224": Vit(dim=24, depth=2, heads=2),
}


@pytest.mark.parametrize("part", SIZES, ids=lambda part: part.use)
def test_as_large_as_published(part):
    with torch.device("meta"):
        network = part.build(BuildContext())
    assert sum(parameter.numel() for parameter in network.parameters()) == SIZES[part]


def options(model: str) -> dict:
    small = {"img_size": 64, "embed_dim": 24, "depth": 2, "num_heads": 2}
    return small if model.startswith("vit") else {}


@pytest.mark.parametrize("model", MODELS)
def test_the_logits_are_those_of_timm_on_normalised_images(model, images, tmp_path):
    theirs = timm.create_model(model, num_classes=2, **options(model)).eval()
    ours = MODELS[model].build(BuildContext(image_size=64)).eval()
    ours.network.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(images), theirs(2 * images - 1))


@pytest.mark.parametrize("model", MODELS)
def test_weights_of_another_task_fill_all_but_the_classifier(model, tmp_path):
    trained = timm.create_model(model, num_classes=7, **options(model)).state_dict()
    save_file({k: v.contiguous() for k, v in trained.items()}, tmp_path / "w.safetensors")
    part = MODELS[model].model_copy(update={"weights": tmp_path / "w.safetensors"})
    state = part.build(BuildContext(image_size=64)).network.state_dict()
    same = {name for name, value in state.items() if torch.equal(value, trained[name])}
    assert {name for name in state if state[name].shape != trained[name].shape} == set(state) - same
    assert len(set(state) - same) == 2


def test_a_file_of_something_else_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match="does not hold the weights of legacy_xception"):
        Xception(weights=tmp_path / "w.safetensors").build(BuildContext())
