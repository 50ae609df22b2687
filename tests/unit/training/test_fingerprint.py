from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import UsageError
from mfclip.recipe.settings import PreprocessingSettings, TrainingSettings
from mfclip.training.fingerprint import (
    data_fingerprint,
    detector_fingerprint,
    flat,
    require_same,
    settings_fingerprint,
)

RUN = Path("runs/a")


def settings(precision=torch.float32, **changes):
    return settings_fingerprint(TrainingSettings(**changes), precision)


def manifest(*names: str) -> Manifest:
    return Manifest(Path("faces"), tuple(Row(Path(n), HierarchicalLabel("real")) for n in names))


def data(train=None, size=224, reencode=None, **more):
    preprocessor = SimpleNamespace(
        settings=PreprocessingSettings(size=size, **more), reencode=reencode
    )
    return data_fingerprint(train or manifest("a", "b"), manifest("c"), None, preprocessor)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"batch_size": 8},
        {"accumulate": 2},
        {"learning_rate": 1e-3},
        {"step_epochs": 3},
    ],
)
def test_what_a_step_depends_on_counts(change):
    (name,) = change
    with pytest.raises(UsageError) as told:
        require_same(settings(), settings(**change), RUN)
    assert f"training.{name}: " in str(told.value)
    assert f"{change[name]} now" in str(told.value)


@pytest.mark.parametrize(
    "change", [{"epochs": 99}, {"patience": 3}, {"workers": 2}, {"checkpoint_steps": 7}]
)
def test_how_far_or_how_a_run_goes_does_not(change):
    require_same(settings(), settings(**change), RUN)


def test_kinds_left_out_count_and_the_validation_split_is_as_before_there_were_any():
    assert "training.validation" not in settings()
    with pytest.raises(UsageError, match=r"training\.validation: nothing there, 'left-out:group'"):
        require_same(settings(), settings(validation="left-out:group"), RUN)


def test_momentum_counts_where_it_is_used_and_that_of_before_is_not_named():
    assert "training.momentum" not in settings(optimiser="sgd")
    require_same(settings(), settings(momentum=0.0), RUN)
    with pytest.raises(UsageError, match=r"training\.momentum: nothing there, 0\.0 now"):
        require_same(settings(optimiser="sgd"), settings(optimiser="sgd", momentum=0.0), RUN)


def test_precision_counts_as_what_it_means_on_the_device():
    require_same(settings(precision=torch.float32), settings(torch.float32), RUN)
    with pytest.raises(UsageError, match=r"training\.precision: 'fp32' there, 'bf16' now"):
        require_same(settings(), settings(torch.bfloat16), RUN)


def test_auto_and_the_named_precision_are_the_same():
    auto = settings_fingerprint(TrainingSettings(precision="auto"), torch.float32)
    named = settings_fingerprint(TrainingSettings(precision="fp32"), torch.float32)
    assert auto == named


def test_which_images_are_scored_does_not_count():
    require_same(data(), data(smallest=64), RUN)


def test_another_encoder_counts():
    require_same(data(reencode="png"), data(reencode="png"), RUN)
    with pytest.raises(UsageError, match=r"data\.reencode: "):
        require_same(data(), data(reencode="png"), RUN)


def test_rows_their_order_and_preprocessing_count():
    require_same(data(), data(), RUN)
    for other in (data(manifest("a")), data(manifest("b", "a"))):
        with pytest.raises(UsageError, match=r"training split: fingerprint [0-9a-f]{8}…"):
            require_same(data(), other, RUN)
    with pytest.raises(UsageError, match=r"preprocessing\.size: 224 there, 112 now"):
        require_same(data(), data(size=112), RUN)


def test_the_place_of_the_data_does_not():
    moved = replace(manifest("a", "b"), root=Path("elsewhere"))
    require_same(data(), data(moved), RUN)


def test_shapes_of_the_weights_count():
    one, same, other = (detector_fingerprint(nn.Linear(3, n)) for n in (2, 2, 4))
    assert one == same
    assert one != other


def test_every_difference_is_listed():
    with pytest.raises(UsageError) as told:
        require_same({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}, RUN)
    assert str(told.value).splitlines() == [
        "the run in runs/a cannot go on, it was started with something else:",
        "  b: 2 there, 5 now,",
        "  c: 3 there, nothing now,",
        "  d: nothing there, 4 now.",
        "Resume with what it began with, or discard it with --restart",
    ]


def test_long_texts_are_told_apart_by_a_fingerprint():
    with pytest.raises(
        UsageError, match=r"recipe: fingerprint \w{8}… there, fingerprint \w{8}… now"
    ):
        require_same({"recipe": "a\n" * 99}, {"recipe": "b\n" * 99}, RUN)


def test_tables_and_lists_become_dotted_names_with_json_values():
    nested = {"a": {"b": {"c": (1, 2)}}, "loss": [{"use": "kl"}, {"use": "ce"}], "d": 0.5}
    assert flat(nested) == {
        "a.b.c.0": 1,
        "a.b.c.1": 2,
        "loss.0.use": "kl",
        "loss.1.use": "ce",
        "d": 0.5,
    }
