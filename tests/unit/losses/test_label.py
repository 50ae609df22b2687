import numpy as np
import torch

from mfclip.detector.outputs import FAKE, REAL, Outputs, Targets
from mfclip_losses.label import LabelCrossEntropy


def loss(logits: torch.Tensor, label: list[int]) -> torch.Tensor:
    truth = torch.tensor(label)
    return LabelCrossEntropy()(Outputs(logits), Targets(truth, torch.zeros_like(truth)))


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
