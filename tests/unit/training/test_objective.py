from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip.detector.assemble import LossTerm
from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError, UsageError
from mfclip.training.objective import Objective, in_float32

TARGETS = Targets(torch.tensor([0, 1]), torch.tensor([0, 1]))


class Give(nn.Module):
    """A loss that returns what it is told to make of the logits."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, outputs, targets):
        return self.make(outputs.logits)


def term(name, weight, make):
    return LossTerm(name, weight, Give(make))


def outputs():
    return Outputs(torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True))


def test_total_is_the_weighted_sum_and_terms_are_unweighted():
    objective = Objective([term("a", 2.0, torch.sum), term("b", 0.5, torch.max)])
    total, values = objective(outputs(), TARGETS)
    assert objective.columns == ("a", "b", "total")
    assert values.tolist() == [10.0, 4.0, 22.0]
    assert total.item() == 22.0


def test_gradient_is_the_weighted_sum():
    given = outputs()
    total, values = Objective([term("a", 2.0, torch.sum), term("b", 0.5, torch.max)])(
        given, TARGETS
    )
    total.backward()
    assert given.logits.grad.tolist() == [[2.0, 2.0], [2.0, 2.5]]
    assert not values.requires_grad


def test_a_term_of_weight_zero_is_logged_and_has_no_part_in_the_sum():
    given = outputs()
    nan = term("nan", 0.0, lambda logits: logits.sum() * float("nan"))
    total, values = Objective([term("a", 1.0, torch.sum), nan])(given, TARGETS)
    total.backward()
    assert total.item() == 10.0
    assert values[1].isnan()
    assert given.logits.grad.isfinite().all()


def test_parameters_of_a_term_are_the_objectives():
    objective = Objective([LossTerm("centre", 1.0, nn.Linear(2, 1))])
    assert len(list(objective.parameters())) == 2


@pytest.mark.parametrize("terms", [[], [term("a", 0.0, torch.sum)]])
def test_nothing_to_minimise_is_an_error(terms):
    with pytest.raises(UsageError, match="nothing to minimise"):
        Objective(terms)


@pytest.mark.parametrize(
    ("make", "told"), [(lambda x: x[0], r"shape \(2,\)"), (lambda x: 1.0, "float")]
)
def test_a_term_that_gives_no_scalar_is_named(make, told):
    with pytest.raises(PluginError, match=f"'odd' must give a scalar tensor; received.*{told}"):
        Objective([term("odd", 1.0, make)])(outputs(), TARGETS)


def test_outputs_become_float32_and_the_rest_stays():
    low = torch.ones(2, 2, dtype=torch.bfloat16)
    similarity = object()
    made = in_float32(
        Outputs(low, text=low, similarity=similarity, extra={"map": low, "rows": TARGETS.label})
    )
    assert made.logits.dtype == made.text.dtype == made.extra["map"].dtype == torch.float32
    assert made.extra["rows"].dtype == torch.int64
    assert made.visual is None
    assert made.similarity is similarity
