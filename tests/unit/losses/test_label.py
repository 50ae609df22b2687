import numpy as np
import pytest
import torch

from mfclip.detector.outputs import FAKE, REAL, Outputs, Targets
from mfclip_losses.label import FocalCrossEntropy, LabelCrossEntropy


def loss(logits: torch.Tensor, label: list[int], **settings: float) -> torch.Tensor:
    truth = torch.tensor(label)
    return LabelCrossEntropy(**settings)(Outputs(logits), Targets(truth, torch.zeros_like(truth)))


def test_equals_eq_14_written_out():
    logits = torch.randn(5, 2, dtype=torch.float64)
    label = [REAL, FAKE, FAKE, REAL, FAKE]
    rows = [row - np.log(np.exp(row).sum()) for row in logits.numpy()]
    expected = -np.mean([row[y] for row, y in zip(rows, label, strict=True)])
    np.testing.assert_allclose(loss(logits, label).item(), expected, rtol=1e-12)


def test_gradients_are_those_of_finite_differences():
    logits = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, [REAL, FAKE, REAL, FAKE]), logits)


def test_falls_as_the_right_column_grows():
    sure = torch.tensor([[5.0, 0.0], [0.0, 5.0]])
    assert loss(sure, [REAL, FAKE]) < 0.01
    assert loss(sure, [FAKE, REAL]) > 4.9


@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_smoothed_labels_written_out(smoothing):
    logits = torch.randn(5, 2, dtype=torch.float64)
    label = [REAL, FAKE, FAKE, REAL, FAKE]
    total = 0.0
    for row, y in zip(logits.numpy(), label, strict=True):
        log_p = row - np.log(np.exp(row).sum())
        total -= (1 - smoothing / 2) * log_p[y] + smoothing / 2 * log_p[1 - y]
    found = loss(logits, label, smoothing=smoothing).item()
    np.testing.assert_allclose(found, total / 5, rtol=1e-12)


def test_with_smoothing_the_best_logits_are_not_the_largest():
    """The best p of the right class is 1 - smoothing / 2."""
    best = np.log(0.95 / 0.05)
    at = [loss(torch.tensor([[x, 0.0]]), [REAL], smoothing=0.1) for x in (best - 1, best, best + 1)]
    assert at[1] < min(at[0], at[2])


def focal(logits: torch.Tensor, label: list[int], gamma: float) -> torch.Tensor:
    truth = torch.tensor(label)
    return FocalCrossEntropy(gamma)(Outputs(logits), Targets(truth, torch.zeros_like(truth)))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_written_out(gamma):
    logits = torch.randn(5, 2, dtype=torch.float64)
    label = [REAL, FAKE, FAKE, REAL, FAKE]
    p = np.exp(logits.numpy())
    p = (p / p.sum(1, keepdims=True))[np.arange(5), label]
    expected = np.mean(-((1 - p) ** gamma) * np.log(p))
    np.testing.assert_allclose(focal(logits, label, gamma).item(), expected, rtol=1e-12)


def test_focal_loss_without_gamma_is_cross_entropy_and_gradients_are_right():
    logits = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    label = [REAL, FAKE, REAL, FAKE]
    torch.testing.assert_close(focal(logits, label, 0.0), loss(logits, label))
    assert torch.autograd.gradcheck(lambda x: focal(x, label, 2.0), logits)


def test_focal_loss_of_sure_images_is_finite_in_single_precision():
    sure = torch.tensor([[60.0, -60.0], [3.0, -60.0]], requires_grad=True)
    total = focal(sure, [REAL, FAKE], 2.0)
    total.backward()
    np.testing.assert_allclose(total.item(), 31.5, rtol=1e-6)
    assert sure.grad.isfinite().all()
