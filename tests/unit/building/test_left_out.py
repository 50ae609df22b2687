"""Choosing by kinds left out: what is trained on what, what is chosen, going on after a kill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from mfclip.building import training as one_training
from mfclip.building.events import Silent
from mfclip.building.left_out import CHECKPOINTS, FOLDER, RECORD, Search, make_search, train_folds
from mfclip.building.run import build, rehearse
from mfclip.errors import DataError, TrainingError, UsageError
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.scores import read_scores

CPU = torch.device("cpu")
GENERATORS = ["alpha", "beta", "gamma"]
"""Of the pictures."""
CANDIDATES = "[candidates]\ntraining.learning_rate = [1e-3, 1e-2]\n"


@pytest.fixture(scope="module")
def spied(recipe, plugins, watch, tmp_path_factory) -> SimpleNamespace:
    """A build of two candidates, with the arguments of every training."""
    trainings: list[dict[str, Any]] = []
    real = one_training.train

    def train(detector: Any, terms: Any, **arguments: Any) -> Any:
        trainings.append(arguments)
        return real(detector, terms, **arguments)

    events, folder = watch(), tmp_path_factory.mktemp("built") / "bundle"
    wanted = recipe("training.checkpoint_steps=100", more=CANDIDATES, text=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_training, "train", train)
        built = build(wanted, folder, plugins=plugins, events=events, device="cpu")
    return SimpleNamespace(
        built=built,
        folder=folder,
        trainings=trainings,
        events=events,
        metrics=json.loads((folder / "metrics.json").read_text())["chosen_by"],
        about=json.loads((folder / "bundle.json").read_text()),
    )


def test_every_candidate_is_trained_without_each_kind_and_the_chosen_one_on_all(spied):
    told = [title for title in spied.events.titles if title.startswith("Training")]
    assert len(told) == len(spied.trainings) == 2 * 3 + 1
    assert told[0] == (
        "Training without 'alpha' (1 of 3), candidate 1 of 2: training.learning_rate=0.001 on cpu"
    )
    assert told[-1] == "Training on all kinds on cpu"
    rates = [one["settings"].learning_rate for one in spied.trainings]
    assert rates[:-1] == [1e-3] * 3 + [1e-2] * 3
    assert rates[-1] == spied.about["chosen_by"]["settings"]["training.learning_rate"]


def test_nothing_of_a_kind_shapes_the_detector_that_is_judged_by_it(spied, pictures):
    train, val = pictures.of_split("train"), pictures.of_split("val")
    for arguments, kind in zip(spied.trainings, GENERATORS * 2, strict=False):
        rows, judged = arguments["train"].rows, arguments["val"].rows
        assert rows == tuple(row for row in train if row.label.generator != kind)
        assert {row.label.generator for row in judged if row.is_fake} == {kind}
        assert {row.split for row in judged} == {"val"}
        assert kind not in arguments["prompts"].to_json()
    final = spied.trainings[-1]
    assert (final["train"], final["val"]) == (train, val)
    assert all(kind in final["prompts"].to_json() for kind in GENERATORS)


def test_the_choice_is_the_highest_mean_of_the_recorded_figures(spied):
    figures = spied.metrics["candidates"]
    aucs = np.array([[fold["auc"] for fold in one["folds"]] for one in figures])
    means = aucs.mean(axis=1)
    assert aucs.shape == (2, 3, 3)
    assert len(set(means.flat)) > 1
    epoch, candidate = min(zip(*np.nonzero(means.max() == means.T), strict=True))
    chosen = spied.about["chosen_by"]
    assert (spied.metrics["candidate"], spied.metrics["epoch"]) == (candidate + 1, epoch + 1)
    assert chosen["epoch"] == epoch + 1
    assert chosen["settings"] == figures[candidate]["settings"]
    assert chosen["auc"] == spied.metrics["auc"] == pytest.approx(means.max(), abs=1e-12)
    assert chosen["kinds"] == GENERATORS
    assert [fold["kind"] for fold in figures[0]["folds"]] == GENERATORS
    assert [(fold["reals"], fold["fakes"]) for fold in figures[0]["folds"]] == [(6, 2)] * 3


def test_temperature_and_thresholds_are_fitted_on_the_pooled_scores(spied):
    left_out = read_scores(spied.folder / "scores-left-out.csv")
    fitted = fit_operating_points(left_out)
    stored = spied.about["operating"]
    assert stored["threshold"] == pytest.approx(fitted.threshold, abs=1e-12)
    assert stored["temperature"] == pytest.approx(fitted.temperature, rel=1e-9)
    assert (stored["reals"], stored["fakes"]) == (left_out.reals, left_out.fakes) == (6, 6)
    own = read_scores(spied.folder / "scores-validation.csv")
    assert not np.allclose(own.log_odds, left_out.log_odds)
    assert own.path.tolist() == left_out.path.tolist()


def test_both_validations_are_told(spied):
    for name, file in (("left_out", "left-out"), ("in_kind", "validation")):
        scores = read_scores(spied.folder / f"scores-{file}.csv")
        found = spied.metrics[name]["roc_auc"]["value"]
        assert found == pytest.approx(roc_auc_score(scores.is_fake, scores.log_odds))
    page = (spied.folder / "report.html").read_text()
    assert "Choice by kinds left out" in page
    for fold in spied.built.choice.chosen.folds:
        assert f">{fold.kind}</th>" in page
        assert f"<td>{100 * fold.auc[spied.built.choice.chosen.best - 1]:.1f}</td>" in page
    assert "was chosen by detectors that were trained without one generator" in (
        spied.folder / "README.md"
    ).read_text().replace("\n", " ")


def test_the_bundle_holds_the_setting_and_the_epoch_that_were_chosen(spied, recipe, tmp_path):
    """The same as a plain training of that setting has after that epoch."""
    from mfclip.building.plan import make_plan
    from mfclip.bundle.weights import save_weights
    from mfclip.files import sha256

    chosen = spied.about["chosen_by"]
    rate = chosen["settings"]["training.learning_rate"]
    changes = (f"training.learning_rate={rate}", "training.validation=val")
    plain = recipe(*changes, "training.checkpoint_steps=100", text=True)
    plan = make_plan(plain, Silent())
    weights = {}

    def keep(epoch: int, _: Any) -> None:
        save_weights(tmp_path / f"{epoch}.safetensors", plan.detector)
        weights[epoch] = sha256(tmp_path / f"{epoch}.safetensors")

    one_training.train_detector(
        plain,
        plan.detector,
        plan.prompts,
        rows=plan.manifest.of_split("train"),
        judged=plan.manifest.of_split("val"),
        run=tmp_path / "run",
        resume=False,
        device=CPU,
        progress=Silent().training,
        scored=keep,
    )
    assert sorted(weights) == [1, 2, 3]
    assert len(set(weights.values())) == 3
    assert spied.about["weights_sha256"] == weights[chosen["epoch"]]
    history = (spied.folder / "history.jsonl").read_text().splitlines()
    assert len(history) == chosen["epoch"]


def test_the_recipe_in_the_bundle_is_the_chosen_one(spied, plugins):
    from mfclip.bundle.folder import read_bundle

    bundle = read_bundle(spied.folder, plugins=plugins)
    assert bundle.recipe.candidates is None
    assert bundle.recipe.training.validation == "left-out:generator"
    assert {"training.learning_rate": bundle.recipe.training.learning_rate} == (
        bundle.about.chosen_by.settings
    )


@pytest.fixture
def search(recipe, pictures, plugins) -> Search:
    found = make_search(recipe(), pictures, plugins)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def whole(recipe, pictures, plugins, tmp_path_factory) -> tuple[Any, list[float]]:
    """What folds that nobody stopped lead to."""
    search = make_search(recipe(), pictures, plugins)
    found = train_folds(search, tmp_path_factory.mktemp("whole"), CPU, Silent(), resume=False)
    return found.choice, found.scores.log_odds.tolist()


def stopped(search: Search, run: Path, events: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_folds(search, run, CPU, events, resume=False)


@pytest.mark.parametrize(
    ("at", "steps"),
    [("'alpha'", 0), ("'alpha'", 2), ("'beta'", 0), ("'beta'", 5), ("'gamma'", 1), ("Chosen", 0)],
)
def test_folds_that_were_stopped_go_on_to_the_same_choice(
    search, whole, watch, tmp_path, at, steps
):
    stopped(search, tmp_path, watch(at, steps))
    events = watch()
    found = train_folds(search, tmp_path, CPU, events, resume=True)
    assert (found.choice, found.scores.log_odds.tolist()) == whole
    before = sum(title.startswith("Trained before") for title in events.titles)
    assert before == {"'alpha'": 0, "'beta'": 1, "'gamma'": 2, "Chosen": 3}[at]


def test_a_stop_while_a_folds_record_is_written_loses_nothing(
    search, whole, watch, tmp_path, monkeypatch
):
    from mfclip.building import left_out

    def dies(path: Path, text: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(left_out, "write_text", dies)
        stopped(search, tmp_path, watch())
    assert not list(tmp_path.rglob(RECORD))
    found = train_folds(search, tmp_path, CPU, watch(), resume=True)
    assert (found.choice, found.scores.log_odds.tolist()) == whole


def test_a_finished_fold_keeps_no_checkpoints(search, watch, tmp_path):
    stopped(search, tmp_path, watch("'beta'", 3))
    folds = sorted((tmp_path / FOLDER).glob("*/fold-*"))
    assert [(fold / RECORD).exists() for fold in folds] == [True, False]
    assert [(fold / CHECKPOINTS).exists() for fold in folds] == [False, True]


def test_folds_of_another_setting_are_not_used(recipe, pictures, plugins, search, watch, tmp_path):
    stopped(search, tmp_path, watch("'beta'", 3))
    other = make_search(recipe("training.learning_rate=0.5"), pictures, plugins)
    with pytest.raises(UsageError, match=r"training\.learning_rate: 0\.003 there, 0\.5 now"):
        train_folds(other, tmp_path, CPU, Silent(), resume=True)


def test_candidates_may_come_and_go_between_stop_and_resume(
    recipe, pictures, plugins, watch, tmp_path
):
    two = make_search(recipe(more=CANDIDATES), pictures, plugins)
    stopped(two, tmp_path, watch("candidate 2 of 2", 1))
    more = CANDIDATES.replace("[1e-3, 1e-2]", "[1e-3]")
    one = make_search(recipe(more=more), pictures, plugins)
    events = watch()
    train_folds(one, tmp_path, CPU, events, resume=True)
    assert [title[:14] for title in events.titles] == ["Trained before"] * 3 + [
        events.titles[3][:14]
    ]


def test_damaged_scores_are_told(search, tmp_path):
    train_folds(search, tmp_path, CPU, Silent(), resume=False)
    for file in tmp_path.rglob("epoch-*.npy"):
        file.write_bytes(b"")
    with pytest.raises(TrainingError, match=r"epoch-000\d\.npy cannot be read .*--restart"):
        train_folds(search, tmp_path, CPU, Silent(), resume=True)


def test_a_training_that_fails_names_its_fold_and_candidate(recipe, pictures, plugins, tmp_path):
    more = CANDIDATES.replace("1e-3, ", "").replace("1e-2", "1e-3, 1e30")
    search = make_search(recipe(more=more), pictures, plugins)
    with pytest.raises(TrainingError, match=r"^without 'alpha' \(1 of 3\), candidate 2 of 2: .*1e"):
        train_folds(search, tmp_path, CPU, Silent(), resume=False)


def test_a_build_stopped_in_its_last_training_ends_with_the_same_bundle(
    spied, recipe, plugins, watch, tmp_path
):
    wanted = recipe("training.checkpoint_steps=100", more=CANDIDATES, text=True)
    given: dict[str, Any] = {"plugins": plugins, "device": "cpu"}
    folder, first, then = tmp_path / "bundle", watch("Training on all kinds", 2), watch()
    with pytest.raises(KeyboardInterrupt):
        build(wanted, folder, events=first, **given)
    build(wanted, folder, events=then, resume=True, **given)
    assert sum(title.startswith("Trained before") for title in then.titles) == 6
    about = json.loads((folder / "bundle.json").read_text())
    assert about == spied.about | {"files": about["files"]}
    written = [(one / "scores-left-out.csv").read_text() for one in (folder, spied.folder)]
    assert written[0] == written[1]
    assert not (tmp_path / "bundle.partial").exists()


Rehearse = Callable[..., Search | None]


@pytest.fixture
def rehearsed(plugins, tmp_path) -> Rehearse:
    def run(recipe: Any, **more: Any) -> Search | None:
        return rehearse(
            recipe, tmp_path / "b", plugins=plugins, events=Silent(), device="cpu", **more
        )

    return run


def test_a_rehearsal_counts_the_trainings(recipe, rehearsed):
    found = rehearsed(recipe(more=CANDIDATES))
    assert found.trainings == 7
    assert found.told() == (
        "7 trainings: 2 candidates × 3 kinds left out (generator: alpha, beta, gamma), and the "
        "chosen one on all kinds"
    )
    assert rehearsed(recipe("training.validation=val")) is None


def test_a_rehearsal_tells_what_cannot_be_left_out(recipe, rehearsed):
    with pytest.raises(DataError, match="'left-out:forgery': leaving one out takes two kinds"):
        rehearsed(recipe("training.validation=left-out:forgery"))


@pytest.mark.parametrize(
    ("begun", "then"), [("left-out:generator", "val"), ("val", "left-out:group")]
)
def test_an_unfinished_run_keeps_its_kind_of_validation(
    recipe, plugins, rehearsed, watch, tmp_path, begun, then
):
    first, other = (recipe(f"training.validation={one}") for one in (begun, then))
    events = watch("Training", 2)
    with pytest.raises(KeyboardInterrupt):
        build(first, tmp_path / "b", plugins=plugins, events=events, device="cpu")
    with pytest.raises(UsageError, match=r"was begun with validation by .*--restart"):
        rehearsed(other, resume=True)
    rehearsed(first, resume=True)
    rehearsed(other, restart=True)


def test_the_log_tells_the_trainings_apart(spied):
    assert max(Counter(spied.events.titles).values()) == 1
