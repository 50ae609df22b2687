"""The loop as a whole, on a detector of some hundred parameters."""

from __future__ import annotations

import errno
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mfclip.detector.assemble import LossTerm
from mfclip.detector.whole import PluginDetector
from mfclip.errors import DataError, TrainingError
from mfclip.parts import BuildContext
from mfclip.recipe.settings import AugmentationSettings
from mfclip.training import checkpoints
from mfclip.training.augment import Augmenter
from mfclip.training.validation import judge
from mfclip.training.weights import module_tensors


class Linear(nn.Module):
    """Neither batch norm nor dropout: a batch's gradient is the mean over its images."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, 2).double()

    def forward(self, images):
        return self.head(images.flatten(1).double())


def detector(net: type[nn.Module]) -> PluginDetector:
    torch.manual_seed(0)
    return PluginDetector(net())


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module_tensors(module).items()}


@pytest.fixture
def validate(monkeypatch):
    """Let the validation find the given AUCs (by 8 images) and keep the weights it saw."""

    def script(*swaps: float):
        seen: list[dict[str, torch.Tensor]] = []

        def predict(module, manifest, *_, **__):
            truth = np.array([row.label.label == "fake" for row in manifest.rows])
            sure = swaps[len(seen)]
            seen.append(weights(module))
            return np.where(truth, sure, -sure)

        monkeypatch.setattr("mfclip.inference.predict.predict_log_odds", predict)
        return seen

    return script


def test_exactly_as_many_epochs_and_steps_as_asked(fit, watch):
    result = fit(epochs=3, progress=watch).result
    assert [record.epoch for record in result.history] == [1, 2, 3]
    assert watch.epochs == list(result.history)
    assert [(r.epoch, r.step) for r in watch.steps] == [
        (e, s) for e in (1, 2, 3) for s in range(1, 6)
    ]
    assert [r.total_step for r in watch.steps] == list(range(1, 16))
    assert [r.images for r in watch.steps[:5]] == [4, 4, 4, 4, 2]
    assert (watch.plans[0].epochs, watch.plans[0].steps, watch.plans[0].images) == (3, 5, 18)


def test_it_learns(fit):
    result = fit(epochs=15, learning_rate=3e-3, detector=detector(Linear)).result
    assert result.history[-1].losses["total"] < 0.7 * result.history[0].losses["total"]
    assert result.best_val_auc > 0.9


def test_the_rate_that_adam_steps_with_drops_when_it_should(fit, monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def recorded(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recorded)
    fit(epochs=5, step_epochs=2, learning_rate=1e-2)
    assert rates == pytest.approx([1e-2] * 10 + [1e-3] * 10 + [1e-4] * 5)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(2, 2), (1, 4)])
def test_accumulated_batches_equal_the_big_batch(fit, batch_size, accumulate):
    whole = fit(detector=detector(Linear), batch_size=4)
    parts = fit(detector=detector(Linear), batch_size=batch_size, accumulate=accumulate)
    assert_close(whole.detector, parts.detector)
    assert whole.result.history[0].losses == pytest.approx(parts.result.history[0].losses)


def test_a_partial_last_group_weighs_its_images(fit):
    """18 images in batches of 4, 3 a step: the last step has batches of 4 and 2 images."""
    whole = fit(detector=detector(Linear), batch_size=12)
    parts = fit(detector=detector(Linear), batch_size=4, accumulate=3)
    assert_close(whole.detector, parts.detector)


def assert_close(one: nn.Module, other: nn.Module) -> None:
    theirs = module_tensors(other)
    for name, tensor in module_tensors(one).items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-5, atol=1e-6)


def test_one_seed_gives_one_detector_and_another_another(fit, tmp_path, same):
    runs = [fit(seed=seed, run=tmp_path / str(n)) for n, seed in enumerate((0, 0, 1))]
    assert same(runs[0].detector, runs[1].detector)
    assert not same(runs[0].detector, runs[2].detector)


def test_the_detector_ends_with_the_best_epochs_weights(fit, validate):
    seen = validate(0.1, -0.1, 0.3, 0.2)
    run = fit(epochs=4)
    assert run.result.best_epoch == 3
    assert run.result.best_val_auc == 1.0
    assert not run.result.stopped_early
    for name, tensor in weights(run.detector).items():
        assert torch.equal(tensor, seen[2][name])
    assert not torch.equal(seen[2]["inner.head.weight"], seen[3]["inner.head.weight"])


def test_an_epoch_that_was_chosen_elsewhere_is_the_last_and_is_kept(fit, validate, tmp_path, watch):
    seen = validate(0.3, 0.1, 0.2, 0.2, 0.3, 0.1)
    whole = fit(epochs=4, schedule="cosine", run=tmp_path / "whole")
    run = fit(epochs=4, schedule="cosine", until=2, progress=watch)
    assert (whole.result.best_epoch, run.result.best_epoch) == (1, 2)
    assert run.result.history[0].losses == whole.result.history[0].losses
    assert [record.epoch for record in run.result.history] == [1, 2]
    assert (watch.plans[0].epochs, run.result.stopped_early) == (2, False)
    for name, tensor in weights(run.detector).items():
        assert torch.equal(tensor, seen[1][name])
        assert torch.equal(tensor, seen[5][name])


@pytest.mark.parametrize("steps", [1, 5, 7, 10])
def test_a_run_to_a_chosen_epoch_resumes_alike(fit, tmp_path, steps, kill, same):
    given = {"epochs": 3, "until": 2, "checkpoint_steps": 1}
    whole = fit(run=tmp_path / "whole", **given)
    kill(steps, **given)
    resumed = fit(resume=True, **given)
    assert same(whole.detector, resumed.detector)
    assert resumed.result.best_epoch == 2
    assert fit(resume=True, **given).result == resumed.result


def test_the_scores_of_each_epoch_are_told_before_its_checkpoint(fit, faces, tmp_path):
    told: list[tuple[int, list[float]]] = []
    found = fit(scored=lambda epoch, log_odds: told.append((epoch, log_odds.tolist())))
    assert [epoch for epoch, _ in told] == [1, 2]
    truth = [row.is_fake for row in faces.of_split("val")]
    for (_, log_odds), record in zip(told, found.result.history, strict=True):
        assert judge(np.array(truth), np.array(log_odds)).auc == record.val_auc

    def stop(epoch, log_odds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(run=tmp_path / "stopped", scored=stop)
    assert not (tmp_path / "stopped" / "state.json").exists()


def test_patience_ends_training(fit, validate):
    seen = validate(0.1, 0.2, 0.15, 0.15, 9.0)
    result = fit(epochs=5, patience=2).result
    assert (len(seen), len(result.history), result.best_epoch) == (4, 4, 2)
    assert result.stopped_early


def test_only_the_validation_split_is_scored(fit, faces, monkeypatch):
    scored = []

    def predict(module, manifest, *_, **__):
        scored.extend(row.split for row in manifest.rows)
        return np.linspace(-1, 1, len(manifest))

    monkeypatch.setattr("mfclip.inference.predict.predict_log_odds", predict)
    fit(epochs=1)
    assert scored == ["val"] * 8


def test_only_the_training_images_are_changed(fit):
    class Counting(Augmenter):
        images = 0

        def __call__(self, images, *rest):
            self.images += len(images)
            return super().__call__(images, *rest)

    augment = Counting(AugmentationSettings(mirror=1.0), BuildContext())
    fit(epochs=3, augment=augment)
    assert augment.images == 3 * 18  # 8 more are validated on after each epoch


def test_every_term_is_logged_and_their_weighted_sum(fit, watch):
    class Two(nn.Module):
        def forward(self, outputs, targets):
            return outputs.logits.square().mean()

    ce = LossTerm("ce", 1.0, CrossEntropy())
    fit(terms=[ce, LossTerm("size", 0.5, Two())], progress=watch, epochs=1)
    for report in watch.steps:
        assert report.losses.keys() == {"ce", "size", "total"}
        expected = report.losses["ce"] + 0.5 * report.losses["size"]
        assert report.losses["total"] == pytest.approx(expected)


def test_parameters_of_a_loss_train_and_survive_a_resume(fit, tmp_path, kill):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs, targets):
            return nn.functional.cross_entropy(outputs.logits * self.scale, targets.label)

    whole, parts = Scaled(), Scaled()
    fit(terms=[LossTerm("s", 1.0, whole)], run=tmp_path / "whole")
    kill(7, terms=[LossTerm("s", 1.0, parts)], checkpoint_steps=1)
    resumed = Scaled()
    fit(terms=[LossTerm("s", 1.0, resumed)], checkpoint_steps=1, resume=True)
    assert whole.scale != 1.0
    assert torch.equal(whole.scale, resumed.scale)


class CrossEntropy(nn.Module):
    """Cross-entropy that turns into something else at one of its calls."""

    def __init__(self, at: int = 0, spoil=None) -> None:
        super().__init__()
        self.at, self.spoil, self.calls = at, spoil, 0

    def forward(self, outputs, targets):
        self.calls += 1
        loss = nn.functional.cross_entropy(outputs.logits, targets.label)
        return self.spoil(loss) if self.calls == self.at else loss


def nan_loss(loss):
    return loss * float("nan")


def nan_gradient(loss):
    return (loss - loss).sqrt()  # 0, and the slope of the root at 0 is infinite


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (nan_loss, r"not finite at step 8 \(epoch 2, step 3 in it\): ce = nan\..*learning_rate"),
        (nan_gradient, r"after step 8 the weights .* are not finite"),
    ],
)
def test_not_a_number_ends_training_and_spares_the_checkpoint(fit, tmp_path, spoil, told, same):
    given = {"checkpoint_steps": 1}
    with pytest.raises(TrainingError, match=told):
        fit(terms=[LossTerm("ce", 1.0, CrossEntropy(8, spoil))], **given)
    mended = fit(terms=[LossTerm("ce", 1.0, CrossEntropy())], resume=True, **given)
    whole = fit(terms=[LossTerm("ce", 1.0, CrossEntropy())], run=tmp_path / "whole")
    assert same(whole.detector, mended.detector)


def test_a_full_disk_ends_training_and_the_run_goes_on_when_there_is_room(
    fit, tmp_path, monkeypatch, same
):
    calls = 0
    save = checkpoints.save_file

    def full(*arguments):
        nonlocal calls
        calls += 1
        if calls == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        with pytest.raises(TrainingError, match=r"No space left on device.*--resume"):
            fit(checkpoint_steps=1)
    whole = fit(run=tmp_path / "whole")
    assert same(whole.detector, fit(checkpoint_steps=1, resume=True).detector)


def test_one_image_left_over_at_the_end_of_an_epoch(fit, faces, watch):
    """Batch norm over features without extent has no statistics of a single image."""

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Flatten(), nn.Linear(768, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
            )

        def forward(self, images):
            return self.layers(images)

    train = faces.of_split("train")
    odd = replace(train, rows=train.rows[:17])
    run = fit(detector=detector(Flat), train=odd, progress=watch)
    assert [r.images for r in watch.steps[:5]] == [4, 4, 4, 4, 1]
    assert all(tensor.isfinite().all() for tensor in weights(run.detector).values())
    assert all(layer.training for layer in run.detector.modules())


def test_bf16_computes_in_bf16_and_keeps_weights_in_float32(fit, tmp_path, same):
    kinds = set()

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(768, 8), nn.Linear(8, 2)

        def forward(self, images):
            features = self.body(images.flatten(1))
            kinds.add((self.training, features.dtype))
            return self.head(features)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="this CPU has no bfloat16")
        low = fit(detector=detector(Spy), precision="bf16", run=tmp_path / "low")
    assert kinds == {(True, torch.bfloat16), (False, torch.bfloat16)}
    full = fit(detector=detector(Spy), precision="fp32", run=tmp_path / "full")
    assert {tensor.dtype for tensor in weights(low.detector).values()} == {torch.float32}
    assert not same(low.detector, full.detector)
    assert kinds >= {(True, torch.float32)}


def test_a_split_without_fakes_is_refused_before_anything_is_written(fit, faces, tmp_path):
    val = faces.of_split("val")
    reals = replace(val, rows=tuple(row for row in val.rows if row.label.label == "real"))
    with pytest.raises(DataError, match="the validation split holds 4 real and 0 fake"):
        fit(val=reals)
    assert not (tmp_path / "run").exists()


def test_no_pickle_in_the_run_folder(fit):
    run = fit().run
    kinds = {path.suffix for path in run.iterdir() if path.is_file()}
    assert kinds == {".safetensors", ".json", ".jsonl"}
