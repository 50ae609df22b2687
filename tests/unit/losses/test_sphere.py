"""Alignment and uniformity against a double loop in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mfclip.detector.outputs import FAKE, REAL, Outputs, Targets
from mfclip.errors import PluginError
from mfclip_losses.sphere import UniformityAlignmentLoss

LABEL = [REAL, FAKE, FAKE, REAL, FAKE, FAKE]


def loss(visual: Tensor | None, label=LABEL, **settings) -> Tensor:
    truth = torch.tensor(label[: 6 if visual is None else len(visual)])
    outputs = Outputs(torch.zeros(len(truth), 2), visual=visual)
    return UniformityAlignmentLoss(**settings)(outputs, Targets(truth, torch.zeros_like(truth)))


def embeddings(batch: int = 6) -> Tensor:
    return torch.randn(batch, 5, dtype=torch.float64, requires_grad=True)


def written_out(visual: Tensor, alpha: float, t: float) -> tuple[float, float]:
    """Both terms, pair by pair."""
    unit = [row / np.sqrt((row**2).sum()) for row in visual.detach().numpy()]
    alike, potentials = [], []
    for one, other in itertools.combinations(range(len(unit)), 2):
        squared = sum((a - b) ** 2 for a, b in zip(unit[one], unit[other], strict=True))
        potentials.append(math.exp(-t * squared))
        if LABEL[one] == LABEL[other]:
            alike.append(math.sqrt(squared) ** alpha)
    return sum(alike) / len(alike), math.log(sum(potentials) / len(potentials))


@pytest.mark.parametrize(("alpha", "t"), [(2.0, 2.0), (1.0, 0.5), (3.0, 4.0)])
def test_equals_a_double_loop(alpha, t):
    visual = embeddings()
    alignment, uniformity = written_out(visual, alpha, t)
    found = loss(visual, alpha=alpha, t=t, alignment=0.3, uniformity=0.7).item()
    assert found == pytest.approx(0.3 * alignment + 0.7 * uniformity, rel=1e-12)
    assert loss(visual, alpha=alpha, t=t, uniformity=0).item() == pytest.approx(alignment)
    assert loss(visual, alpha=alpha, t=t, alignment=0).item() == pytest.approx(uniformity)


def test_alpha_and_t_are_2_unless_told_otherwise():
    visual = embeddings()
    assert loss(visual).item() == pytest.approx(sum(written_out(visual, 2, 2)), rel=1e-12)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
def test_gradients_are_those_of_finite_differences(alpha):
    assert torch.autograd.gradcheck(lambda x: loss(x, alpha=alpha, alignment=0.3), embeddings())


def test_lengths_do_not_count():
    visual = embeddings()
    lengths = torch.linspace(0.1, 50, 6, dtype=torch.float64)[:, None]
    torch.testing.assert_close(loss(visual * lengths), loss(visual))


def test_alignment_does_not_see_pairs_of_two_labels():
    """Both labels in places of their own: nothing is left to pull together."""
    visual = torch.eye(2, dtype=torch.float64)[LABEL]
    assert loss(visual, uniformity=0).item() == 0
    assert loss(visual, [REAL] * 6, uniformity=0).item() > 0.5


def test_uniformity_is_lowest_for_points_that_are_spread_out():
    corners = torch.eye(6, dtype=torch.float64)
    bundle = torch.ones(6, 6, dtype=torch.float64)
    assert loss(corners, alignment=0).item() == pytest.approx(-4)  # -t 2 between any two
    assert loss(bundle, alignment=0).item() == pytest.approx(0)


@pytest.mark.parametrize(("batch", "label"), [(1, [REAL]), (2, [REAL, FAKE])])
def test_without_a_pair_of_one_label_there_is_nothing_to_align(batch, label):
    visual = embeddings(batch)
    value = loss(visual, label, uniformity=0)
    value.backward()
    assert value.item() == 0
    assert torch.equal(visual.grad, torch.zeros_like(visual))


def test_one_sample_is_spread_out_already():
    visual = embeddings(1)
    value = loss(visual, [FAKE])
    value.backward()
    assert value.item() == 0
    assert torch.equal(visual.grad, torch.zeros_like(visual))


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
def test_equal_embeddings_have_a_finite_gradient(alpha):
    visual = embeddings(1).detach().expand(6, 5).clone().requires_grad_()
    loss(visual, alpha=alpha).backward()
    assert visual.grad.isfinite().all()


def test_a_reduced_embedding_is_compared_in_single_precision():
    visual = embeddings().detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(visual)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(loss(visual.double()).item(), abs=1e-5)


def test_says_what_the_detector_did_not_give():
    with pytest.raises(PluginError, match="reads the image embedding 'visual'"):
        loss(None)
