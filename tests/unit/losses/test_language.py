import numpy as np
import pytest
import torch
from torch import Tensor

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError
from mfclip_losses.language import LanguageDivergence

TARGETS = Targets(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))


def loss(text: Tensor | None, predicted: Tensor | None, **settings) -> Tensor:
    outputs = Outputs(torch.zeros(3, 2), text=text, predicted_text=predicted)
    return LanguageDivergence(**settings)(outputs, TARGETS)


def embeddings() -> tuple[Tensor, Tensor]:
    text, predicted = torch.randn(2, 3, 5, dtype=torch.float64)
    return text.requires_grad_(), predicted.requires_grad_()


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_equals_eq_13_written_out(temperature):
    text, predicted = embeddings()
    total = 0.0
    for true, guess in zip(text.detach().numpy(), predicted.detach().numpy(), strict=True):
        p = np.exp(true / temperature) / np.exp(true / temperature).sum()
        q = np.exp(guess / temperature) / np.exp(guess / temperature).sum()
        total += (p * np.log(p / q)).sum()
    found = loss(text, predicted, temperature=temperature).item()
    np.testing.assert_allclose(found, total / 3, rtol=1e-12)


def test_temperature_is_the_papers():
    text, predicted = embeddings()
    assert loss(text, predicted) == loss(text, predicted, temperature=0.5)


def test_gradients_are_those_of_finite_differences():
    assert torch.autograd.gradcheck(loss, embeddings())


def test_is_zero_where_the_prediction_is_right():
    text, _ = embeddings()
    assert loss(text, text + 3).abs() < 1e-12  # a softmax does not see a constant


def test_teaches_text_and_prediction_alike():
    text, predicted = embeddings()
    loss(text, predicted).backward()
    assert text.grad.abs().min() > 0
    assert predicted.grad.abs().min() > 0


def test_detached_target_teaches_the_prediction_only():
    text, predicted = embeddings()
    free_text, free_predicted = (x.detach().clone().requires_grad_() for x in (text, predicted))
    loss(text, predicted, detach_target=True).backward()
    loss(free_text, free_predicted).backward()
    assert text.grad is None
    assert torch.equal(predicted.grad, free_predicted.grad)


@pytest.mark.parametrize(
    ("text", "predicted", "given"),
    [(None, None, "neither"), (torch.ones(3, 5), None, "only 'text'")],
)
def test_says_what_the_detector_did_not_give(text, predicted, given):
    with pytest.raises(PluginError, match=given):
        loss(text, predicted)
