from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from mfclip.bench.figures import group_auc, measure
from mfclip.bench.selections import Selection, Where
from mfclip.bench.table import MEASURES
from mfclip.data.manifest import Manifest
from mfclip.errors import DataError
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

from .conftest import REAL, data, rows

SETTINGS = EvaluationSettings(bootstrap=200)
ON_BETA = Selection(fakes=(Where(column="generator", value="beta"),))
MANIFEST = data(
    rows(REAL, each=20),
    rows(("fake", "A", "", "alpha"), each=10),
    rows(("fake", "A", "", "beta"), each=15),
)


def scored(seed: int) -> ScoreTable:
    rng = np.random.default_rng(seed)
    fake = np.array([row.label.label == "fake" for row in MANIFEST.rows])
    return ScoreTable.from_manifest(MANIFEST, fake + rng.normal(size=len(fake)))


def test_figures_are_those_of_scikit_learn_on_the_selected_rows():
    points = [OperatingPoints(temperature=2, threshold=0.6), OperatingPoints(threshold=0.4)]
    tables = [scored(0), scored(1)]
    found = measure(list(zip(tables, points, strict=True)), ON_BETA, SETTINGS, within=False)
    for place, (table, point) in enumerate(zip(tables, points, strict=True)):
        keep = ~table.is_fake | (table.generator == "beta")
        truth, score = table.is_fake[keep], table.log_odds[keep]
        verdict = 1 / (1 + np.exp(-score / point.temperature)) >= point.threshold
        assert found.auc.values[place] == pytest.approx(roc_auc_score(truth, score))
        assert found.accuracy.values[place] == pytest.approx(accuracy_score(truth, verdict))
        assert found.false_alarms.values[place] == pytest.approx(verdict[~truth].mean())
        assert found.found.values[place] == pytest.approx(verdict[truth].mean())
        fpr, tpr, _ = roc_curve(truth, score, drop_intermediate=False)
        assert found.tpr_at_fpr_1.values[place] == pytest.approx(tpr[fpr <= 0.01].max())
    for entry in map(found.entry, MEASURES):
        assert entry.low < entry.mean < entry.high


def test_intervals_draw_identities_then_videos_then_images():
    """Two images of one person, or of one video, say no more than one of them twice."""
    single = data(rows(REAL, each=20), rows(("fake", "A", "", "b"), each=20)).of_split("test")
    # From lowest to highest, reals and fakes take turns: an AUC near one half.
    scores = np.repeat([*np.arange(0, 40, 2.0), *np.arange(1, 41, 2.0)], 2)

    def interval(**known):
        doubled = tuple(
            replace(row, path=Path(f"{copy}-{row.path}"), **{k: f(row) for k, f in known.items()})
            for row in single
            for copy in "ab"
        )
        table = ScoreTable.from_manifest(Manifest(single.root, doubled), scores)
        return measure([(table, OperatingPoints())], Selection(), SETTINGS, within=False).auc

    def name(row):
        return row.path.name

    table = ScoreTable.from_manifest(single, scores[::2])
    once = measure([(table, OperatingPoints())], Selection(), SETTINGS, within=False).auc
    alone = interval()
    assert alone.high - alone.low < 0.9 * (once.high - once.low)
    # The same draws as of the images once: an identity counts before a video, both before images.
    for known in (
        {"identity": name},
        {"video": name},
        {"identity": name, "video": lambda row: "one"},
    ):
        tied = interval(**known)
        assert tied.high - tied.low == pytest.approx(once.high - once.low, abs=0.05)
        assert tied.values == pytest.approx(once.values)


def test_other_fakes_of_the_test_split_change_nothing():
    table, points = scored(0), OperatingPoints()
    louder = np.where(table.generator == "alpha", 99.0, table.log_odds)
    other = ScoreTable.from_manifest(MANIFEST, louder)
    first, second = (
        measure([(one, points)], ON_BETA, SETTINGS, within=False) for one in (table, other)
    )
    assert first == second


def test_seeds_that_scored_other_images_are_refused():
    points = OperatingPoints()
    short = scored(1).where(np.arange(len(MANIFEST)) > 0)
    with pytest.raises(DataError, match="did not score the same images"):
        measure([(scored(0), points), (short, points)], Selection(), SETTINGS, within=False)


def test_an_image_without_a_score_is_refused():
    table = ScoreTable.from_manifest(MANIFEST, np.r_[np.nan, np.zeros(len(MANIFEST) - 1)])
    with pytest.raises(DataError, match="1 test images have no score, such as real-train-0"):
        measure([(table, OperatingPoints())], Selection(), SETTINGS, within=False)


def test_group_auc_is_what_the_share_of_fakes_alone_reaches():
    fake = ("fake", "A", "", "g")
    manifest = data(
        rows(REAL, "x", each=1), rows(fake, "x", each=3), rows(REAL, "y", each=2),
        rows(fake, "y", each=1),
    )  # fmt: skip
    table = ScoreTable.from_manifest(manifest, np.zeros(len(manifest)))
    shares = np.where(table.group == "x", 3 / 4, 1 / 3)
    assert group_auc(table, Selection()) == pytest.approx(roc_auc_score(table.is_fake, shares))
    assert (
        group_auc(table, Selection(groups=("x",), fakes=(Where(column="group", value="x"),))) == 0.5
    )
