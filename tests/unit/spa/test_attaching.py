"""Models made up for the purpose; the real libraries are in tests/functional/spa."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mfclip_spa import attach, detach, save_gate
from mfclip_spa.adapters.attached import AttachedGate


class Contrastive(nn.Module):
    """What attach looks for in a model of transformers."""

    def __init__(self, **more: object) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.ones(()))
        self.config = SimpleNamespace()
        for name, value in more.items():
            setattr(self, name, value)

    def get_image_features(self) -> None: ...


class Wrapper(nn.Module):
    """As DDP: the model is its ``module``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def test_the_gate_becomes_a_part_of_the_model():
    model = Contrastive().to(torch.bfloat16)
    attachment = attach(model, max_batch=4)
    assert model.spa is attachment.gate
    assert attachment.model is model
    assert model.spa.pairs.weight.dtype is torch.bfloat16
    assert "spa.pairs.weight" in model.state_dict()
    assert model.config.mfclip_spa == model.spa.settings


def test_detach_leaves_nothing_behind():
    model = Contrastive()
    before = vars(model).copy()
    with attach(model, max_batch=4):
        assert model._forward_hooks
    assert vars(model) == before
    assert not model._forward_hooks
    assert not model._forward_hooks_with_kwargs
    assert not hasattr(model.config, "mfclip_spa")


def test_detach_leaves_other_hooks_alone():
    model = Contrastive()
    mine = model.register_forward_hook(lambda *_: None)
    attach(model, max_batch=4).detach()
    assert list(model._forward_hooks) == [mine.id]


def test_the_context_manager_detaches_when_something_fails():
    model = Contrastive()
    with pytest.raises(RuntimeError, match="on purpose"), attach(model, max_batch=4):
        raise RuntimeError("on purpose")
    assert not hasattr(model, "spa")


def test_a_second_gate_is_refused():
    model = Contrastive()
    attach(model, max_batch=4)
    with pytest.raises(ValueError, match=r"has sample pair attention already; detach\(model\)"):
        attach(model, max_batch=4)


def test_nothing_to_detach_is_named():
    with pytest.raises(ValueError, match="Contrastive has no sample pair attention to detach"):
        detach(Contrastive())


@pytest.mark.parametrize("wrap", [Wrapper, torch.compile])
def test_wrapped_models_are_refused(wrap):
    with pytest.raises(TypeError, match="wraps a model; attach to the model inside"):
        attach(wrap(Contrastive()), max_batch=4)


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2), Contrastive(get_image_features=None), nn.Sequential()]
)
def test_models_without_one_similarity_are_refused(model):
    with pytest.raises(TypeError, match="no contrastive image-text model that attach knows"):
        attach(model, max_batch=4)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"takes a torch.nn.Module, received str"):
        attach("clip", max_batch=4)


def test_an_attribute_of_the_same_name_is_not_overwritten():
    with pytest.raises(TypeError, match="attribute 'spa' of its own"):
        attach(Contrastive(spa=3), max_batch=4)


def test_a_refused_form_leaves_the_model_alone():
    model = Contrastive()
    with pytest.raises(ValueError, match="give one of max_batch"):
        attach(model)
    assert not hasattr(model, "spa")


def test_a_sigmoid_model_takes_no_two_directions():
    model = Contrastive(logit_bias=nn.Parameter(torch.zeros(())))
    with pytest.raises(ValueError, match="without per_direction"):
        attach(model, max_batch=4, per_direction=True)
    assert not hasattr(model, "spa")


def test_a_model_saved_with_a_gate_is_not_given_a_new_one_unseen(tmp_path):
    gate = AttachedGate(4, gate="softmax")
    save_gate(gate, tmp_path / "gate.safetensors")
    model = Contrastive(config=SimpleNamespace(mfclip_spa=gate.settings))
    with pytest.raises(ValueError, match="weights=<its folder> to go on with that gate"):
        attach(model, max_batch=4)
    attach(model, weights=tmp_path / "gate.safetensors")
    assert model.spa.gate == "softmax"
