"""DD-VQA: answers and contrast against float64 formulas and transformers' own loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import BlipTextLMHeadModel

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.outputs import Outputs, Targets
from mfclip.parts import BuildContext
from mfclip_baselines.ddvqa import ANSWERS
from mfclip_baselines.schemas.ddvqa import (
    AnswerLikelihood,
    DdVqa,
    ImageContrastive,
    TextContrastive,
)
from mfclip_text.parts import HierarchicalPrompts

from .conftest import learns

SMALL = DdVqa(
    dim=16, layers=1, heads=2, text_width=16, text_layers=2, text_heads=2, contrast=8, patch=16
)
CONTEXT = BuildContext(image_size=64)
LABEL = torch.tensor([0, 1, 0, 1])


def built(seed=0, **changes):
    torch.manual_seed(seed)
    return SMALL.model_copy(update=changes).build(CONTEXT)


@pytest.fixture
def tokens():
    """Of the prompts of two kinds of fakes and of reals, (B, 4, 77)."""
    labels = [
        HierarchicalLabel("real"),
        HierarchicalLabel("fake", "FS", "GAN", "FSLSD"),
        HierarchicalLabel("fake", "EFS", "diffusion", "DDPM"),
    ]
    table = PromptTable.make(labels, HierarchicalPrompts().build(CONTEXT))
    return table.tokens[[0, 1, 0, 2]]


@torch.no_grad()
def test_the_likelihood_is_that_of_transformers(images):
    """Their decoder with ours inside: minus its loss is the sum over the tokens of an answer."""
    network = built().eval()
    theirs = BlipTextLMHeadModel(network.answerer.config).eval()
    theirs.bert.load_state_dict(network.answerer.state_dict())
    theirs.cls.predictions.transform.load_state_dict(network.transform.state_dict())
    theirs.tie_weights()
    seen = network.image(network.normalise(images)).last_hidden_state
    asked = network._asked(seen, 0)
    answer = functional.pad(network.answers[1], (0, 5)).expand(4, -1)
    expected = theirs(
        answer,
        attention_mask=(answer > 0).long(),
        encoder_hidden_states=asked,
        encoder_attention_mask=(network.questions[:1] > 0).long().expand(4, -1),
        labels=answer.masked_fill(answer == 0, -100),
        reduction="none",
    ).loss
    count = int((answer[0] > 0).sum()) - 1
    torch.testing.assert_close(network._likelihood(asked, 0, answer), -expected / count)


@torch.no_grad()
def test_a_mean_over_tokens_in_float64(images):
    network = built().eval().double()
    asked = network._asked(network.image(images.double()).last_hidden_state, 0)
    answer = network.answers[:1].expand(4, -1)
    states = network.answerer(
        answer, encoder_hidden_states=asked, is_decoder=True, use_cache=False,
        encoder_attention_mask=(network.questions[:1] > 0).long().expand(4, -1),
    ).last_hidden_state  # fmt: skip
    words = network.answerer.embeddings.word_embeddings.weight.numpy()
    logits = network.transform(states).numpy() @ words.T
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    count = answer.shape[1]
    expected = [
        np.mean([logs[b, place, int(answer[b, place + 1])] for place in range(count - 1)])
        for b in range(4)
    ]
    np.testing.assert_allclose(network._likelihood(asked, 0, answer).numpy(), expected, rtol=1e-5)


def contrast(anchors, others, label, temperature, *, itself):
    """Mean over images of the mean log share of those of its label."""
    a = anchors / np.linalg.norm(anchors, axis=1, keepdims=True)
    o = others / np.linalg.norm(others, axis=1, keepdims=True)
    total = []
    for i in range(len(a)):
        places = [j for j in range(len(o)) if itself or j != i]
        scores = {j: np.exp(a[i] @ o[j] / temperature) for j in places}
        alike = [j for j in places if label[j] == label[i]]
        if alike:
            total.append(-np.mean([np.log(scores[j] / sum(scores.values())) for j in alike]))
    return np.mean(total)


@pytest.mark.parametrize("label", [[0, 1, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
def test_contrast_in_float64(label):
    image, text = torch.randn(5, 8), torch.randn(5, 8)
    outputs = Outputs(torch.zeros(5, 2), extra={"dd-vqa.image": image, "dd-vqa.text": text})
    targets = Targets(torch.tensor(label), torch.zeros(5))
    i, t = image.double().numpy(), text.double().numpy()
    found = ImageContrastive(temperature=0.2).build(CONTEXT)(outputs, targets)
    assert float(found) == pytest.approx(contrast(i, i, label, 0.2, itself=False), rel=1e-5)
    found = TextContrastive(temperature=0.2).build(CONTEXT)(outputs, targets)
    assert float(found) == pytest.approx(contrast(i, t, label, 0.2, itself=True), rel=1e-5)


def test_no_pair_is_no_loss():
    image = torch.randn(1, 8, requires_grad=True)
    outputs = Outputs(torch.zeros(1, 2), extra={"dd-vqa.image": image})
    loss = ImageContrastive().build(CONTEXT)(outputs, Targets(torch.tensor([1]), torch.zeros(1)))
    assert float(loss.detach()) == 0
    loss.backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


def test_what_each_term_teaches(images, tokens):
    network = built().train()
    names = {name for name, _ in network.named_parameters()}

    def taught(term):
        given = network(images, LABEL, tokens)
        return learns(network, term.build(CONTEXT)(given, Targets(LABEL, LABEL)))

    answer = taught(AnswerLikelihood())
    assert {name for name in names if name.startswith("answerer")} <= answer
    assert any(name.startswith("image.") for name in answer)
    image = taught(ImageContrastive())
    assert {name.split(".")[0] for name in image} == {"image", "project_image"}
    text = taught(TextContrastive())
    assert {name.split(".")[0] for name in text} == {
        *("image", "project_image", "project_text", "asker")
    }
    logits = functional.cross_entropy(network(images, LABEL, tokens).logits, LABEL)
    assert answer | image | text | learns(network, logits) == names


def test_each_level_has_its_question_and_answer(images, tokens):
    """The mean over questions; that to the first is of the label."""
    network = built().train()
    with torch.no_grad():
        seen = network.image(network.normalise(images)).last_hidden_state
        told = [network._likelihood(network._asked(seen, 0), 0, network.answers[LABEL])]
        told += [network._likelihood(network._asked(seen, s), s, tokens[:, s]) for s in range(1, 4)]
        torch.testing.assert_close(
            network(images, LABEL, tokens).extra["dd-vqa.answer"], sum(told) / 4
        )
        alone = network(images, LABEL, tokens[:, :1]).extra["dd-vqa.answer"]
        torch.testing.assert_close(alone, told[0])


@pytest.mark.parametrize("read", ["head", "likelihood"])
@torch.no_grad()
def test_scoring_depends_on_its_own_image_alone(read, images):
    network, images = built(read=read).eval().double(), images.double()
    together = network(images).logits
    assert together.shape == (4, 2)
    torch.testing.assert_close(torch.cat([network(one[None]).logits for one in images]), together)
    assert (together[0] - together[1]).abs().max() > 0


@torch.no_grad()
def test_the_likelier_answer_is_the_label(images):
    network = built(read="likelihood").eval()
    asked = network._asked(network.image(network.normalise(images)).last_hidden_state, 0)
    for column, sentence in enumerate(ANSWERS):
        answer = network.answers[column]
        count = len(sentence.split()) + 2
        assert int((answer > 0).sum()) == count
        whole = network._likelihood(asked, 0, answer.expand(4, -1)) * (count - 1)
        torch.testing.assert_close(network(images).logits[:, column], whole)
