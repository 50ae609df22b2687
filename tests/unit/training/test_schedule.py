from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mfclip.recipe.settings import TrainingSettings
from mfclip.training.records import EpochRecord
from mfclip.training.schedule import Grouping, is_finished, is_stale, learning_rate


def record(epoch: int, auc: float) -> EpochRecord:
    return EpochRecord(epoch, {"total": 1.0}, 1e-4, auc, 0.5, 1.0, 10.0)


@pytest.mark.parametrize(("step_epochs", "factor"), [(15, 0.1), (4, 0.5), (1, 1.0)])
def test_the_rate_is_that_of_steplr(step_epochs, factor):
    settings = TrainingSettings(step_epochs=step_epochs, step_factor=factor)
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    oracle = torch.optim.lr_scheduler.StepLR(adam, step_epochs, factor)
    for epoch in range(40):
        for step in (3 * epoch, 3 * epoch + 2):
            assert learning_rate(settings, step, 3) == pytest.approx(oracle.get_last_lr()[0])
        adam.step()
        oracle.step()


def test_the_rate_is_that_of_cosineannealinglr_after_linearlr():
    settings = TrainingSettings(epochs=6, schedule="cosine", warmup_epochs=1.5)
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    rise = torch.optim.lr_scheduler.LinearLR(adam, start_factor=1 / 6, total_iters=5)
    expected = []
    for _ in range(5):
        expected.append(rise.get_last_lr()[0])
        adam.step()
        rise.step()
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=24 - 6)
    for _ in range(24 - 6):
        expected.append(fall.get_last_lr()[0])
        adam.step()
        fall.step()
    rates = [learning_rate(settings, step, 4) for step in range(24)]
    assert rates[:5] == pytest.approx(expected[:5])
    assert rates[6:] == pytest.approx(expected[5:])
    assert rates[5] == settings.learning_rate  # the last of the rise is the top
    assert rates[-1] > 0


def test_the_papers_rate():
    rates = [learning_rate(TrainingSettings(), 7 * epoch, 7) for epoch in (0, 14, 15, 29)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 5))
def test_groups_share_all_images(images, batch_size, accumulate):
    grouping = Grouping(images, batch_size, accumulate)
    sizes = [min(batch_size, images - start) for start in range(0, images, batch_size)]
    groups = [sizes[i : i + accumulate] for i in range(0, len(sizes), accumulate)]
    assert grouping.batches == len(sizes)
    assert grouping.steps == len(groups)
    for batch in range(len(sizes)):
        assert grouping.group_images(batch) == sum(groups[batch // accumulate])
    closing = [batch for batch in range(len(sizes)) if grouping.closes_group(batch)]
    assert len(closing) == len(groups)
    assert closing[-1] == len(sizes) - 1


def test_finished_after_the_last_epoch():
    settings = TrainingSettings(epochs=2)
    assert not is_finished(settings, [])
    assert not is_finished(settings, [record(1, 0.5)])
    assert is_finished(settings, [record(1, 0.5), record(2, 0.6)])


def test_patience_counts_from_the_best_epoch():
    settings = TrainingSettings(epochs=9, patience=2)
    history = [record(1, 0.5), record(2, 0.7), record(3, 0.6)]
    assert not is_stale(settings, history)
    assert is_stale(settings, [*history, record(4, 0.69)])
    assert not is_stale(settings, [*history, record(4, 0.71)])
    assert is_finished(settings, [*history, record(4, 0.69)])


def test_without_patience_nothing_is_stale():
    history = [record(1, 0.9), *(record(epoch, 0.1) for epoch in range(2, 30))]
    assert not is_stale(TrainingSettings(), history)
