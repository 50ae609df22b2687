"""Runs that were killed and go on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from mfclip.detector.whole import PluginDetector
from mfclip.errors import UsageError
from mfclip.parts import BuildContext
from mfclip.recipe.settings import AugmentationSettings
from mfclip.training.augment import Augmenter
from mfclip_corruptions.parts import Jpeg


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (4, 1), (6, 1), (4, 2), (9, 2), (7, 100)])
def test_interrupted_and_resumed_equals_uninterrupted(
    fit, tmp_path, steps, every, kill, watch, same
):
    whole = fit(run=tmp_path / "whole")
    kill(steps, checkpoint_steps=every)
    resumed = fit(checkpoint_steps=every, resume=True, progress=watch)
    assert same(whole.detector, resumed.detector)
    assert len(watch.steps) <= 10 - (steps - 1) + every
    for one, other in zip(whole.result.history, resumed.result.history, strict=True):
        assert replace(one, seconds=0, images_per_second=0) == replace(
            other, seconds=0, images_per_second=0
        )


def test_resuming_inside_a_group_of_batches(fit, tmp_path, kill, same):
    given = {"batch_size": 2, "accumulate": 2, "checkpoint_steps": 1}
    whole = fit(run=tmp_path / "whole", **given)
    kill(4, **given)
    assert same(whole.detector, fit(resume=True, **given).detector)


def test_resuming_nothing_starts_afresh(fit, tmp_path, same):
    assert same(fit(run=tmp_path / "a").detector, fit(resume=True, run=tmp_path / "b").detector)


def test_resuming_a_finished_run_gives_its_result_without_a_step(fit, watch, same):
    first = fit()
    again = fit(resume=True, progress=watch)
    assert same(first.detector, again.detector)
    assert again.result == first.result
    assert watch.steps == []


def test_a_finished_run_can_be_made_longer(fit, tmp_path, same):
    whole = fit(epochs=4, run=tmp_path / "whole")
    fit(epochs=2)
    assert same(whole.detector, fit(epochs=4, resume=True).detector)


def test_an_unfinished_run_is_not_overwritten(fit, kill):
    kill(6)
    with pytest.raises(UsageError, match=r"1 of 2 epochs are done.*--resume.*--restart"):
        fit()


def test_a_finished_run_is_replaced(fit):
    fit(seed=1)
    run = fit(seed=2)
    assert len((run.run / "history.jsonl").read_text().splitlines()) == 2
    assert len(list(run.run.glob("*.safetensors"))) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learning_rate": 0.5}, r"training\.learning_rate: 0\.01 there, 0\.5 now"),
        ({"unchanged": {"alignment": {"gate": "softmax"}}}, r"alignment\.gate: 'logits' there"),
        ({"detector": PluginDetector(nn.Linear(3, 2))}, "detector's weights"),
    ],
)
def test_a_run_goes_on_only_with_what_it_began_with(fit, change, told, kill):
    recipe = {"alignment": {"gate": "logits"}}
    kill(6, unchanged=recipe)
    with pytest.raises(UsageError, match=told):
        fit(resume=True, **{"unchanged": recipe, **change})


CHOICES = {
    "sampling": "pairs",
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "optimiser": "adamw",
    "augment": Augmenter(
        AugmentationSettings(mirror=0.5, crop=0.2, corrupted=1.0, corruptions=(Jpeg(),)),
        BuildContext(),
    ),
}


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_a_run_with_every_choice_made_resumes_alike(fit, tmp_path, steps, kill, same):
    whole = fit(run=tmp_path / "whole", **CHOICES)
    kill(steps, checkpoint_steps=2, **CHOICES)
    assert same(whole.detector, fit(checkpoint_steps=2, resume=True, **CHOICES).detector)


def test_a_run_whose_rate_falls_to_the_last_epoch_cannot_be_made_longer(fit):
    fit(epochs=2, schedule="cosine")
    with pytest.raises(UsageError, match=r"training\.epochs: 2 there, 4 now"):
        fit(epochs=4, schedule="cosine", resume=True)


def test_a_run_goes_on_only_with_the_changes_to_its_images(fit, kill):
    kill(6, **CHOICES)
    with pytest.raises(UsageError, match=r"augmentation\.corruptions\.0\.use"):
        fit(resume=True, **{**CHOICES, "augment": None})


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_changes_what_is_learnt(fit, tmp_path, choice, same):
    plain = fit(run=tmp_path / "plain", weight_decay=0.1)
    other = fit(run=tmp_path / "other", weight_decay=0.1, **{choice: CHOICES[choice]})
    assert not same(plain.detector, other.detector)
