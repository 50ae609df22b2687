"""What needs no transformers; its models are in tests/functional/spa."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from mfclip_spa import attach, contrastive_loss
from mfclip_spa.similarity import Similarity


@dataclass
class Output:
    """As the outputs of transformers, in the order of their fields."""

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None
    more: str = "kept"


class Model(nn.Module):
    """Gives what it was made with."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.ones(()))
        self.output = output

    def get_image_features(self) -> None: ...

    def forward(self) -> object:
        return self.output


LOGITS = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
EMBEDS = (torch.ones(4, 3), torch.full((4, 3), 2.0))
LOSS = torch.tensor(9.0)


def attached(output: object, **options: object) -> Model:
    model = Model(output)
    attach(model, 4, **options)
    nn.init.normal_(model.spa.pairs.weight)
    return model


def expected(model: Model) -> Similarity:
    gated = model.spa.pairs.weight.sigmoid()
    return Similarity(LOGITS * gated, LOGITS.T * gated)


def test_logits_and_loss_are_gated_in_an_object_and_the_rest_is_kept():
    model = attached(Output(LOSS, LOGITS, LOGITS.T, *EMBEDS))
    output = model()
    want = expected(model)
    torch.testing.assert_close(output.logits_per_image, want.v2l)
    torch.testing.assert_close(output.logits_per_text, want.l2v)
    torch.testing.assert_close(output.loss, contrastive_loss(want))
    assert output.text_embeds is EMBEDS[0]
    assert output.more == "kept"
    assert model.output.loss is LOSS  # the model's own output was not written to


@pytest.mark.parametrize("loss", [(LOSS,), ()])
def test_logits_and_loss_are_gated_in_a_tuple(loss):
    model = attached((*loss, LOGITS, LOGITS.T, *EMBEDS, "text model", "vision model"))
    output = model()
    want = expected(model)
    own = (contrastive_loss(want),) if loss else ()
    torch.testing.assert_close(output[:-4], (*own, want.v2l, want.l2v))
    assert output[-4:] == (*EMBEDS, "text model", "vision model")


def test_no_loss_is_made_where_none_was_asked_for():
    assert attached(Output(None, LOGITS, LOGITS.T, *EMBEDS))().loss is None


def test_eval_without_a_loss_is_left_alone_and_with_one_it_is_not():
    plain = attached(Output(None, LOGITS, LOGITS.T, *EMBEDS)).eval()
    assert plain() is plain.output
    asked = attached(Output(LOSS, LOGITS, LOGITS.T, *EMBEDS)).eval()
    assert asked().loss != LOSS


def test_a_gate_on_the_softmax_leaves_the_logits_what_they_are():
    model = attached(Output(LOSS, LOGITS, LOGITS.T, *EMBEDS), gate="softmax")
    output = model()
    assert output.logits_per_image is LOGITS
    log_weights = LOGITS.log_softmax(1) + model.spa.pairs.weight.sigmoid().log()
    back = LOGITS.T.log_softmax(1) + model.spa.pairs.weight.sigmoid().log()
    want = -(log_weights.diagonal().mean() + back.diagonal().mean()) / 2
    torch.testing.assert_close(output.loss, want)


def test_half_precision_logits_stay_so_and_the_loss_is_float32():
    half = LOGITS.bfloat16()
    output = attached(Output(LOSS, half, half.T, *EMBEDS))()
    assert output.logits_per_image.dtype is torch.bfloat16
    assert output.loss.dtype is torch.float32


def test_more_texts_than_images_are_named():
    model = attached(Output(None, torch.ones(2, 3), torch.ones(3, 2)))
    with pytest.raises(ValueError, match="one text an image, received 2 images and 3 texts"):
        model()


@pytest.mark.parametrize("output", [Output(), (LOSS,), LOSS])
def test_outputs_without_similarities_are_named(output):
    with pytest.raises(TypeError, match="output of Model has no logits_per_image"):
        attached(output)()
