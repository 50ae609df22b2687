"""The vision-language detector: what runs when, what it returns, what it refuses."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mfclip.detector.model import VisionLanguageDetector
from mfclip.detector.outputs import Outputs
from mfclip.detector.whole import PluginDetector
from mfclip.errors import PluginError

IMAGES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
PROMPT = torch.tensor([2, 0, 0, 2, 0])


@pytest.fixture
def make(modules, prompts):
    def build(**changes):
        torch.manual_seed(0)
        settings = {
            "text": modules["TextModule"](6),
            "tokens": prompts.tokens,
            "alignment": modules["AlignmentModule"](),
            "predictor": True,
            "labels": {"vision": "the eyes", "text": "the words", "alignment": "the match"},
        }
        vision = changes.pop("vision", None) or modules["VisionModule"](6)
        return VisionLanguageDetector(vision, 6, **(settings | changes))

    return build


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, *inputs):
        return self.value


def test_scoring_runs_vision_and_head_only(make):
    detector = make()
    outputs = detector(IMAGES)
    assert outputs.logits.shape == (5, 2)
    assert (outputs.text, outputs.predicted_text, outputs.similarity) == (None, None, None)
    assert len(detector.vision.calls) == 1
    assert detector.text.calls == detector.alignment.calls == []


def test_training_gives_every_output(make):
    outputs = make()(IMAGES, PROMPT)
    assert outputs.logits.shape == (5, 2)
    assert outputs.visual.shape == outputs.text.shape == outputs.predicted_text.shape == (5, 6)
    assert outputs.similarity.v2l.shape == (5, 5)


def test_each_distinct_prompt_is_encoded_once(make, prompts):
    detector = make()
    detector(IMAGES, PROMPT)
    (tokens,) = detector.text.calls[0]
    assert torch.equal(tokens, prompts.tokens[[0, 2]])


def test_gathering_gives_the_values_and_gradients_of_encoding_every_row(make, prompts):
    gathered = make().double()
    full = copy.deepcopy(gathered)
    weights = torch.rand(5, 6, dtype=torch.float64)
    text = gathered.encode_prompts(PROMPT)
    every_row = full.text(prompts.tokens[PROMPT])
    (text * weights).sum().backward()
    (every_row * weights).sum().backward()
    torch.testing.assert_close(text, every_row, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(
        gathered.text.words.weight.grad, full.text.words.weight.grad, rtol=1e-12, atol=1e-13
    )


def test_the_alignment_gets_vision_as_it_is_and_text_by_sample(make):
    detector = make()
    outputs = detector(IMAGES, PROMPT)
    visual, text, prompt = detector.alignment.calls[0]
    assert torch.equal(visual, outputs.visual)
    assert torch.equal(text, outputs.text)
    assert torch.equal(prompt, PROMPT)
    assert torch.equal(text[0], text[3])
    assert not torch.equal(text[0], text[1])


@pytest.mark.parametrize("normalise", [True, False])
def test_head_and_predictor_read_normalised_features_where_told_so(make, normalise):
    detector = make(normalise=normalise)
    outputs = detector(IMAGES, PROMPT)
    norm = outputs.visual.norm(dim=1, keepdim=True)
    features = outputs.visual / norm if normalise else outputs.visual
    torch.testing.assert_close(outputs.logits, detector.head(features))
    torch.testing.assert_close(outputs.predicted_text, detector.predictor(features))
    assert not torch.allclose(norm, torch.ones_like(norm))


def test_prompts_change_nothing_without_a_text_side(make):
    detector = make(text=None, tokens=None).eval()
    outputs = detector(IMAGES, PROMPT)
    assert torch.equal(outputs.logits, detector(IMAGES).logits)
    assert outputs.text is None
    assert [name for name, _ in detector.named_children()] == ["vision", "head"]


def test_predictor_exists_only_where_a_loss_reads_it(make):
    detector = make(predictor=False)
    assert detector.predictor is None
    assert detector(IMAGES, PROMPT).predicted_text is None


def test_prompt_tokens_move_with_the_detector_and_are_no_weights(make):
    detector = make()
    assert "tokens" not in detector.state_dict()
    assert detector.to("meta").tokens.device.type == "meta"


def test_a_text_encoder_without_tokens_is_refused(make):
    with pytest.raises(ValueError, match="tokens"):
        make(tokens=None)


def test_encoding_prompts_without_a_text_side_is_refused(make):
    with pytest.raises(ValueError, match="no text encoder"):
        make(text=None).encode_prompts(PROMPT)


def test_the_visual_side_shares_weights_and_scores_alike(make):
    detector = make(normalise=False).eval()
    visual = detector.scoring()
    assert visual.vision is detector.vision
    assert visual.head is detector.head
    assert not visual.training
    assert torch.equal(visual(IMAGES, PROMPT).logits, detector(IMAGES).logits)


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (torch.zeros(5, 7), r"\(5, 7\)"),
        (torch.zeros(5, 6, 1), r"\(5, 6, 1\)"),
        (torch.zeros(1, 6), r"\(1, 6\)"),
        ([1, 2], "type list"),
    ],
)
def test_a_wrong_vision_shape_names_part_and_shapes(make, value, received):
    with pytest.raises(PluginError, match=rf"the eyes returned.*{received}.*expected.*\(5, 6\)"):
        make(vision=Constant(value))(IMAGES)


def test_a_wrong_text_shape_names_part_and_shapes(make):
    with pytest.raises(PluginError, match=r"the words returned.*\(5, 6\).*expected.*\(2, 6\)"):
        make(text=Constant(torch.zeros(5, 6)))(IMAGES, PROMPT)


def test_a_wrong_similarity_names_part_and_matrix(make, modules):
    square = torch.zeros(5, 5)
    pair = modules["Pair"](square, torch.zeros(5, 3))
    with pytest.raises(PluginError, match=r"the match, l2v, returned.*\(5, 3\).*\(5, 5\)"):
        make(alignment=Constant(pair))(IMAGES, PROMPT)
    with pytest.raises(PluginError, match="the match, v2l, returned a value of type NoneType"):
        make(alignment=Constant(square))(IMAGES, PROMPT)
    undecided = modules["Pair"](square, square, None)
    with pytest.raises(PluginError, match=r"the match returned.*bool `normalised`"):
        make(alignment=Constant(undecided))(IMAGES, PROMPT)


def test_text_may_be_of_another_width():
    class Words(nn.Module):
        def forward(self, tokens):
            return tokens.float().mean(dim=(1, 2))[:, None].expand(-1, 9)

    detector = VisionLanguageDetector(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        3,
        text=Words(),
        text_width=9,
        tokens=torch.ones(3, 1, 77, dtype=torch.long),
        predictor=True,
    )
    outputs = detector(IMAGES, PROMPT)
    assert outputs.predicted_text.shape == outputs.text.shape == (5, 9)


def test_plain_logits_of_a_plugin_become_outputs():
    logits = torch.rand(5, 2)
    outputs = PluginDetector(Constant(logits))(IMAGES, prompt=PROMPT)
    assert isinstance(outputs, Outputs)
    assert outputs.logits is logits


def test_outputs_of_a_plugin_pass_through():
    given = Outputs(logits=torch.rand(5, 2), extra={"mask": torch.ones(5)})
    assert PluginDetector(Constant(given))(IMAGES) is given


@pytest.mark.parametrize(
    "value", [torch.zeros(5, 1), torch.zeros(5), Outputs(logits=torch.zeros(4, 2)), None]
)
def test_wrong_logits_of_a_plugin_are_refused(value):
    with pytest.raises(PluginError, match=r"^acme returned .*expected.*\(5, 2\).*real first"):
        PluginDetector(Constant(value), "acme")(IMAGES)


def test_gradients_reach_every_parameter(make):
    detector = make()
    outputs = detector(IMAGES, PROMPT)
    loss = F.cross_entropy(outputs.logits, torch.tensor([0, 1, 1, 0, 1]))
    loss = loss + (outputs.predicted_text - outputs.text).square().mean()
    loss = loss + outputs.similarity.v2l.logsumexp(1).mean()
    loss.backward()
    without = [name for name, p in detector.named_parameters() if not p.grad.abs().any()]
    # A bias before batch norm is taken out again, so its gradient is zero but for rounding.
    assert [name for name in without if name != "vision.cnn.0.bias"] == []
