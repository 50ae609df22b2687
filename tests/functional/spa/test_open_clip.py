"""The losses in open_clip's own training loop, on a real model of it."""

import copy
import math
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mfclip_spa import (
    SpaClipLoss,
    SpaSigLipLoss,
    attach,
    contrastive_loss,
    detach,
    load_gate,
    save_gate,
)
from mfclip_spa.similarity import Similarity

open_clip = pytest.importorskip("open_clip")
train = pytest.importorskip("open_clip_train.train")
SigLipLoss = open_clip.loss.SigLipLoss

FORMS = ["position", "prompt", "features"]
BATCH = 4


@pytest.fixture
def form_of(prompts):
    sizes = {
        "position": {"max_batch": 2 * BATCH},
        "prompt": {"prompts": prompts},
        "features": {"features": 8, "rank": 2},
    }
    return sizes.__getitem__


@pytest.fixture
def pictures_and_texts(prompts):
    """(number of batches) -> batches as open_clip's loaders give them."""

    def draw(batches: int = 2):
        generator = torch.Generator().manual_seed(1)
        texts = prompts[torch.arange(BATCH) % 3]
        return [(torch.randn(BATCH, 3, 32, 32, generator=generator), texts) for _ in range(batches)]

    return draw


class Loader(list):
    """Batches in memory, with what open_clip's training asks of a loader."""

    @property
    def num_batches(self):
        return len(self)

    @property
    def num_samples(self):
        return BATCH * len(self)


def train_one_epoch(model, loss, batches, accum_freq=1, precision="fp32"):
    """open_clip's own loop over the batches, with the options that its command line would set."""
    args = Namespace(
        device="cpu",
        precision=precision,
        batch_size=BATCH,
        accum_freq=accum_freq,
        skip_scheduler=True,
        distill=False,
        horovod=False,
        grad_clip_norm=1.0,
        rank=0,
        local_rank=0,
        world_size=1,
        log_every_n_steps=1,
        wandb=False,
        log_local=False,
    )
    data = SimpleNamespace(dataloader=Loader(batches), set_epoch=lambda _: None)
    adam = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0)
    train.train_one_epoch(model, {"train": data}, loss, 0, adam, None, None, None, args)


@pytest.mark.parametrize("accum_freq", [1, 2])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [SpaClipLoss, SpaSigLipLoss])
def test_real_training_moves_the_gate_and_lowers_the_loss(
    kind, form, accum_freq, open_clip_model, form_of, pictures_and_texts
):
    model = open_clip_model(logit_bias=-1.0 if kind is SpaSigLipLoss else None)
    gate = attach(model, **form_of(form), initial_gate=0.5).gate
    before = copy.deepcopy(gate.state_dict())
    loss, batches = kind(model), pictures_and_texts()

    def value():
        return loss(**model(*batches[0])).item()

    first = value()
    train_one_epoch(model, loss, batches * 8, accum_freq)
    assert value() < first
    learned = [name for name, _ in gate.named_parameters()]
    assert all((gate.state_dict()[name] != before[name]).any() for name in learned)


def test_real_training_in_half_precision(open_clip_model, form_of, pictures_and_texts):
    model = open_clip_model()
    gate = attach(model, max_batch=BATCH).gate
    before = gate.pairs.weight.detach().clone()
    train_one_epoch(model, SpaClipLoss(model), pictures_and_texts(), precision="amp_bf16")
    assert gate.pairs.weight.isfinite().all()
    assert (gate.pairs.weight != before).all()


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("kind", ["Clip", "SigLip"])
def test_fully_open_it_is_open_clips_own_loss(kind, chunk, open_clip_model, pictures_and_texts):
    model = open_clip_model(logit_bias=-1.0 if kind == "SigLip" else None)
    own = {"Clip": open_clip.ClipLoss, "SigLip": SigLipLoss}[kind]()
    ours = {"Clip": SpaClipLoss, "SigLip": SpaSigLipLoss}[kind]
    images, texts = pictures_and_texts()[0]
    model.double()  # what is left of the difference is the formula's, not the processor's
    outputs = model(images.double(), texts)
    expected = own(**outputs)
    nn.init.constant_(attach(model, max_batch=BATCH).gate.double().pairs.weight, 60.0)
    loss = ours(model, chunk=chunk)(**outputs)
    torch.testing.assert_close(loss, expected)
    parameters = [p for name, p in model.named_parameters() if not name.startswith("spa.")]
    wanted = torch.autograd.grad(expected, parameters, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, parameters), wanted)


def test_prompt_classes_come_with_the_models_outputs(open_clip_model, prompts, pictures_and_texts):
    model = open_clip_model()
    gate = attach(model, prompts=prompts).gate
    nn.init.normal_(gate.pairs.weight)
    outputs = model(*pictures_and_texts()[0])
    assert outputs["prompt"].tolist() == [0, 1, 2, 0]
    opening = gate.pairs.weight[outputs["prompt"]][:, outputs["prompt"]].sigmoid()
    s = outputs["image_features"] @ outputs["text_features"].T * outputs["logit_scale"]
    expected = contrastive_loss(Similarity(s * opening, s.T * opening))
    torch.testing.assert_close(SpaClipLoss(model)(**outputs), expected)


def test_accumulated_batches_are_gated_as_one(open_clip_model, prompts, pictures_and_texts):
    """The prompts of accumulated batches reach the loss in the order of the features."""
    model = open_clip_model()
    nn.init.normal_(attach(model, prompts=prompts).gate.pairs.weight)
    batches = pictures_and_texts()
    seen = []
    loss = SpaClipLoss(model)
    loss.register_forward_hook(
        lambda _, args, kwargs, out: seen.append((kwargs["prompt"], out)), with_kwargs=True
    )
    whole = model(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
    expected = loss(**whole)
    train_one_epoch(model, loss, batches, accum_freq=2)
    assert [prompt.tolist() for prompt, _ in seen] == [[0, 1, 2, 0, 0, 1, 2, 0]] * 3
    for _, output in seen[1:]:
        torch.testing.assert_close(output["contrastive_loss"], expected)


def test_outputs_without_names_are_refused_where_classes_are_needed(
    open_clip_model, prompts, pictures_and_texts
):
    model = open_clip_model()
    model.output_dict = False
    attach(model, prompts=prompts)
    with pytest.raises(TypeError, match="output_dict=True"):
        model(*pictures_and_texts()[0])


def test_detached_the_model_is_what_it_was(open_clip_model, prompts, pictures_and_texts):
    model, batch = open_clip_model(), pictures_and_texts()[0]
    expected, keys = model(*batch), list(model.state_dict())
    with attach(model, prompts=prompts):
        assert "prompt" in model(*batch)
    found = model(*batch)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert list(model.state_dict()) == keys


def test_embeddings_are_bit_identical_while_attached(open_clip_model, pictures_and_texts):
    model = open_clip_model().eval()
    image, text = pictures_and_texts()[0]
    expected = model.encode_image(image), model.encode_text(text)
    attach(model, max_batch=BATCH)
    assert torch.equal(model.encode_image(image), expected[0])
    assert torch.equal(model.encode_text(text), expected[1])


def test_the_gate_is_saved_with_the_model_and_by_itself(open_clip_model, prompts, tmp_path):
    model = open_clip_model()
    gate = attach(model, prompts=prompts).gate
    nn.init.normal_(gate.pairs.weight)
    save_gate(gate, tmp_path / "gate.safetensors")
    other = open_clip_model()
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "spa.known"'):
        other.load_state_dict(model.state_dict())
    attach(other, weights=tmp_path / "gate.safetensors")
    assert torch.equal(other.spa.pairs.weight, gate.pairs.weight)
    other.load_state_dict(model.state_dict())
    detach(other)
    assert type(load_gate(tmp_path / "gate.safetensors")) is type(gate)


def test_logit_scale_of_the_model_is_the_temperature(open_clip_model, pictures_and_texts):
    model = open_clip_model()
    assert math.isclose(
        model(*pictures_and_texts()[0])["logit_scale"].item(), 1 / 0.07, rel_tol=1e-4
    )
