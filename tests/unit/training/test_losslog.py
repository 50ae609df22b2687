from __future__ import annotations

import pytest
import torch

from mfclip.errors import TrainingError
from mfclip.training.losslog import STEPS_BETWEEN_READS, LossLog
from mfclip.training.records import StepReport

COLUMNS = ("a", "total")


def report(step: int) -> StepReport:
    return StepReport(2, step, 10 + step, 4, {}, 1e-4)


def row(a: float, total: float) -> torch.Tensor:
    return torch.tensor([a, total])


def test_on_a_cpu_every_step_is_handed_on_at_once():
    seen: list[StepReport] = []
    log = LossLog(COLUMNS, torch.device("cpu"), seen.append)
    log.add(report(1), row(1.0, 2.0))
    assert [r.losses for r in seen] == [{"a": 1.0, "total": 2.0}]
    assert (seen[0].epoch, seen[0].total_step, seen[0].images) == (2, 11, 4)


def test_on_a_gpu_steps_wait_and_come_in_order():
    seen: list[StepReport] = []
    log = LossLog(COLUMNS, torch.device("cuda"), seen.append)
    for step in range(1, STEPS_BETWEEN_READS):
        log.add(report(step), row(step, 0.0))
    assert seen == []
    log.add(report(STEPS_BETWEEN_READS), row(0.0, 0.0))
    log.add(report(99), row(0.0, 0.0))
    assert [r.step for r in seen] == list(range(1, STEPS_BETWEEN_READS + 1))
    log.flush()
    log.flush()
    assert seen[-1].step == 99
    assert len(seen) == STEPS_BETWEEN_READS + 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_the_first_step_that_is_not_finite_is_named_with_its_terms(value):
    seen: list[StepReport] = []
    log = LossLog(COLUMNS, torch.device("cuda"), seen.append)
    for step, a in ((1, 0.5), (2, value), (3, value)):
        log.add(report(step), row(a, a))
    told = rf"not finite at step 12 \(epoch 2, step 2 in it\): a = {value:g}\."
    with pytest.raises(TrainingError, match=told):
        log.flush()
    assert [r.step for r in seen] == [1]
