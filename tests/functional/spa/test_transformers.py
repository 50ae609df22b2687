"""attach on real models of transformers: the loss, training, saving, and being gone again."""

import copy
import logging

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.nn import functional as F

from mfclip_spa import attach, contrastive_loss, detach
from mfclip_spa.blocks import sigmoid_loss
from mfclip_spa.similarity import Similarity

transformers = pytest.importorskip("transformers")

FAMILIES = ["CLIP", "Siglip", "Siglip2", "Blip", "AltCLIP", "ChineseCLIP"]
SIGMOID = ["Siglip", "Siglip2"]
FORMS = ["position", "prompt", "features"]


@pytest.fixture
def form_of(prompts, width_of):
    """(form, family) -> arguments of attach."""

    def give(form: str, family: str = "CLIP") -> dict[str, object]:
        sizes = {
            "position": {"max_batch": 8},
            "prompt": {"prompts": prompts},
            "features": {"features": width_of(family), "rank": 2},
        }
        return sizes[form]

    return give


def shuffle(gate: nn.Module) -> None:
    """Make A random, so that it matters."""
    generator = torch.Generator().manual_seed(3)
    for parameter in gate.parameters():
        nn.init.normal_(parameter, generator=generator)


def a_of(gate: nn.Module, output) -> torch.Tensor:
    """A of the batch, from text i to image j where it is made of embeddings."""
    image, text = (F.normalize(e, dim=-1) for e in (output.image_embeds, output.text_embeds))
    if gate.settings["features"]:
        return gate.pairs.constant + (image @ gate.pairs.image) @ (text @ gate.pairs.text).T
    if gate.settings["classes"]:
        classes = torch.arange(len(image)) % 3
        return gate.pairs.weight[classes][:, classes]
    return gate.pairs.weight[: len(image), : len(image)]


@pytest.mark.parametrize("gate", ["logits", "softmax"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_logits_are_those_of_the_equations(
    family, form, gate, transformers_model, batch_of, form_of
):
    model, batch = transformers_model(family), batch_of(family)
    plain = model(**batch, return_loss=True)
    attached = attach(model, **form_of(form, family), gate=gate)
    shuffle(attached.gate)
    output = model(**batch, return_loss=True)
    a = a_of(attached.gate, plain)
    s, back = plain.logits_per_image, plain.logits_per_text
    a_back = a.T if form == "features" else a
    if family in SIGMOID:
        bias = model.logit_bias
        expected = sigmoid_loss(s - bias, a, torch.arange(5), gate, bias) / 5
        gated = (s - bias) * a.sigmoid() + bias, ((s - bias) * a.sigmoid() + bias).T
    elif gate == "logits":
        gated = s * a.sigmoid(), back * a_back.sigmoid()
        expected = contrastive_loss(Similarity(*gated))
    else:
        logs = s.log_softmax(1) + a.sigmoid().log(), back.log_softmax(1) + a_back.sigmoid().log()
        expected = contrastive_loss(Similarity(*logs, normalised=True))
    torch.testing.assert_close(output.loss, expected, rtol=1e-4, atol=1e-5)
    if gate == "softmax":
        gated = s, back
    torch.testing.assert_close(output.logits_per_image, gated[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.logits_per_text, gated[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_fully_open_it_is_the_models_own_loss(family, transformers_model, batch_of):
    model, batch = transformers_model(family), batch_of(family)
    own = model(**batch, return_loss=True).loss
    nn.init.constant_(attach(model, max_batch=5).gate.pairs.weight, 60.0)
    torch.testing.assert_close(model(**batch, return_loss=True).loss, own)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_some_steps_lower_the_loss_and_move_the_gate(
    family, form, transformers_model, batch_of, form_of
):
    model, batch = transformers_model(family), batch_of(family)
    gate = attach(model, **form_of(form, family), initial_gate=0.5).gate
    before = copy.deepcopy(gate.state_dict())
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        loss = model(**batch, return_loss=True).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    learned = [name for name, _ in gate.named_parameters()]
    assert all((gate.state_dict()[name] != before[name]).any() for name in learned)


class Pairs(torch.utils.data.Dataset):
    def __init__(self, batch):
        self.batch = batch

    def __len__(self):
        return len(self.batch["input_ids"])

    def __getitem__(self, place):
        return {name: values[place] for name, values in self.batch.items()}


def collate(items):
    stacked = {name: torch.stack([item[name] for item in items]) for name in items[0]}
    return stacked | {"return_loss": True}


@pytest.fixture
def accelerate_left_clean():
    """Trainer sets accelerate up for the whole process; other tests want other precisions."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.usefixtures("accelerate_left_clean")
def test_trainer_trains_saves_and_resumes_the_gate(transformers_model, batch_of, tmp_path):
    model = transformers_model()
    gate = attach(model, max_batch=4).gate
    before = gate.pairs.weight.detach().clone()

    def trainer(trained, steps):
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=steps,
            save_steps=2,
            per_device_train_batch_size=4,
            learning_rate=0.01,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
        )
        return transformers.Trainer(
            trained, arguments, train_dataset=Pairs(batch_of(size=8)), data_collator=collate
        )

    trainer(model, 2).train()
    assert (gate.pairs.weight != before).all()
    other = transformers_model(seed=1)
    attach(other, max_batch=4)
    trainer(other, 3).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert not torch.equal(other.spa.pairs.weight, before)
    resumed = transformers.CLIPModel.from_pretrained(tmp_path / "checkpoint-2")
    attach(resumed, weights=tmp_path / "checkpoint-2")
    torch.testing.assert_close(resumed.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_saved_with_the_model_it_comes_back(
    family, form, transformers_model, batch_of, form_of, tmp_path
):
    model, batch = transformers_model(family), batch_of(family)
    shuffle(attach(model, **form_of(form, family)).gate)
    expected = model(**batch, return_loss=True)
    model.save_pretrained(tmp_path)
    back = type(model).from_pretrained(tmp_path)
    attach(back, weights=tmp_path)
    output = back.train()(**batch, return_loss=True)
    assert torch.equal(output.loss, expected.loss)
    assert torch.equal(output.logits_per_image, expected.logits_per_image)


class Collector(logging.Handler):
    """Keeps what transformers logs."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def test_a_checkpoint_with_a_gate_says_so_in_a_model_without_one(transformers_model, tmp_path):
    model = transformers_model()
    attach(model, max_batch=4)
    model.save_pretrained(tmp_path)
    said: list[str] = []
    handler = Collector(said)
    logger = transformers.logging.get_logger("transformers")
    logger.addHandler(handler)
    try:
        plain = transformers.CLIPModel.from_pretrained(tmp_path)
    finally:
        logger.removeHandler(handler)
    (report,) = (text for text in said if "LOAD REPORT" in text)
    assert "spa.pairs.weight | UNEXPECTED" in report
    with pytest.raises(ValueError, match="was saved with sample pair attention: pass weights="):
        attach(plain, max_batch=4)
    with pytest.raises(
        RuntimeError, match=r'Unexpected key\(s\) in state_dict: "spa.pairs.weight"'
    ):
        transformers_model().load_state_dict(model.state_dict())


def outputs(model, batch):
    """Everything a model says, in both modes."""
    with torch.no_grad():
        said = [model.train(mode)(**batch, return_loss=True) for mode in (True, False)]
        said.append(model.eval()(**batch))
    return [
        (name, value)
        for output in said
        for name, value in output.items()
        if isinstance(value, torch.Tensor)
    ]


def assert_bit_identical(ours, theirs):
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_detached_the_model_is_what_it_was(family, transformers_model, batch_of):
    model, batch = transformers_model(family), batch_of(family)
    expected = outputs(model, batch)
    keys, config = list(model.state_dict()), model.config.to_dict()
    with attach(model, max_batch=5):
        assert model(**batch, return_loss=True).loss != dict(expected[:5])["loss"]
        assert list(model.state_dict()) != keys
    assert_bit_identical(outputs(model, batch), expected)
    assert list(model.state_dict()) == keys
    assert model.config.to_dict() == config


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_inference_is_bit_identical_while_attached(
    family, form, transformers_model, batch_of, form_of
):
    model, batch = transformers_model(family).eval(), batch_of(family)
    with torch.no_grad():
        expected = model(**batch)
        shuffle(attach(model, **form_of(form, family)).gate)
        output = model(**batch)
        assert torch.equal(output.logits_per_image, expected.logits_per_image)
        assert torch.equal(output.logits_per_text, expected.logits_per_text)
        assert torch.equal(output.image_embeds, expected.image_embeds)


def test_zero_shot_scores_of_other_texts_in_eval(transformers_model, batch_of, prompts):
    model, batch = transformers_model().eval(), batch_of()
    attach(model, prompts=prompts)
    unknown = {"input_ids": prompts[:2] - 1, "attention_mask": torch.ones(2, 8)}
    assert model(**batch | unknown).logits_per_image.shape == (5, 2)
    with pytest.raises(ValueError, match="one text an image, received 5 images and 2 texts"):
        model.train()(**batch | unknown)


def test_texts_that_were_not_given_are_named(transformers_model, batch_of, prompts):
    model, batch = transformers_model(), batch_of(size=3)
    attach(model, prompts=prompts[:2])
    with pytest.raises(ValueError, match="text of pair 2 is none of the 2 prompts"):
        model(**batch, return_loss=True)


def test_a_copy_has_a_gate_of_its_own(transformers_model, batch_of):
    model, batch = transformers_model(), batch_of()
    attach(model, max_batch=5)
    copied = copy.deepcopy(model)
    shuffle(copied.spa)
    assert copied(**batch, return_loss=True).loss != model(**batch, return_loss=True).loss
    detach(copied)
    assert hasattr(model, "spa")
    assert not hasattr(copied, "spa")


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_tuples_hold_the_same(family, transformers_model, batch_of):
    model, batch = transformers_model(family), batch_of(family)
    shuffle(attach(model, max_batch=5).gate)
    named = model(**batch, return_loss=True)
    loss, v2l, l2v, *_ = model(**batch, return_loss=True, return_dict=False)
    torch.testing.assert_close(
        (loss, v2l, l2v), (named.loss, named.logits_per_image, named.logits_per_text)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["CLIP", "Siglip"])
def test_half_precision_trains(family, form, transformers_model, batch_of, form_of):
    model, batch = transformers_model(family), batch_of(family)
    attach(model, **form_of(form, family))
    exact = model(**batch, return_loss=True).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(**batch, return_loss=True).loss
    loss.backward()
    torch.testing.assert_close(loss, exact, rtol=0.05, atol=0.05)
    assert all(p.grad.isfinite().all() for p in model.spa.parameters())


def test_a_step_compiles_into_one_graph(transformers_model, batch_of, form_of):
    model, batch = transformers_model("Siglip"), batch_of("Siglip")
    attach(model, **form_of("prompt"))
    expected = model(**batch, return_loss=True).loss
    torch._dynamo.reset()
    graphs = CompileCounter()

    @torch.compile(backend=graphs, fullgraph=True)
    def step(batch):
        return model(**batch, return_loss=True).loss

    torch.testing.assert_close(step(batch), expected)
    assert graphs.frame_count == 1


def test_compiled_by_itself_the_gate_is_a_graph_after_the_models(transformers_model, batch_of):
    """torch.compile(model) compiles forward and forward hooks one by one, whoever's they are."""
    model, batch = transformers_model(), batch_of()
    attach(model, max_batch=5)
    expected = model(**batch, return_loss=True).loss
    torch._dynamo.reset()
    graphs = CompileCounter()
    compiled = torch.compile(model, backend=graphs, fullgraph=True)
    torch.testing.assert_close(compiled(**batch, return_loss=True).loss, expected)
    assert graphs.frame_count == 2


def test_what_cannot_be_attached_to_is_named(transformers_model):
    model = transformers_model()
    attach(model, max_batch=4)
    with pytest.raises(ValueError, match="has sample pair attention already"):
        attach(model, max_batch=4)
    with pytest.raises(TypeError, match="DataParallel wraps a model"):
        attach(nn.DataParallel(transformers_model()), max_batch=4)
    with pytest.raises(TypeError, match="no contrastive image-text model"):
        attach(model.vision_model, max_batch=4)
    with pytest.raises(ValueError, match="without per_direction"):
        attach(transformers_model("Siglip"), max_batch=4, per_direction=True)
