from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mfclip.evaluation.evaluate import evaluate
from mfclip.evaluation.report import SimilarityMatrix
from mfclip.evaluation.report.figures.forest import forest_drawing
from mfclip.evaluation.report.figures.histogram import histogram_drawing
from mfclip.evaluation.report.figures.roc import roc_drawings
from mfclip.evaluation.report.figures.similarity import similarity_drawing
from mfclip.evaluation.report.figures.training import training_drawings
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)


def texts(drawing):
    """The words of a figure."""
    found = ElementTree.fromstring(drawing.svg).iter("text")
    return [element.text or "".join(element.itertext()) for element in found]


def joined(drawing):
    return " ".join(texts(drawing))


def test_the_roc_names_overall_groups_and_thresholds(full):
    whole, low = roc_drawings(full.evaluation, full.scores, "the test split")
    row = full.evaluation.overall
    assert f"overall: AUC {100 * row.roc_auc.value:.1f}\N{NO-BREAK SPACE}%" in texts(whole)
    assert sum("AUC" in text for text in texts(whole)) == 4
    assert {"best balanced accuracy", "at most 5% false alarms"} <= set(texts(low))
    assert "0.5" not in texts(low)
    assert f"smallest rate above zero is {1 / row.reals:.2%}" in low.caption


def test_the_roc_of_a_single_group_is_one_curve(drawn):
    table = drawn(60, group=["a"] * 60)
    whole, _ = roc_drawings(evaluate(table, OperatingPoints(), QUICK), table, "these images")
    assert sum("AUC" in text for text in texts(whole)) == 1


def test_groups_beyond_the_colours_are_counted(drawn):
    table = drawn(360, group=[f"g{i % 9}" for i in range(360)])
    whole, _ = roc_drawings(evaluate(table, OperatingPoints(), QUICK), table, "these images")
    assert sum("AUC" in text for text in texts(whole)) == 7
    assert "The 3 smallest groups are not drawn." in whole.caption


def test_one_class_has_no_roc(table_of):
    table = table_of([True] * 3, [0, 1, 2])
    assert roc_drawings(evaluate(table, OperatingPoints(), QUICK), table, "these images") == []


def test_the_histogram_counts_both_errors(table_of):
    table = table_of([True, True, False, False, False], [2, -2, -3, 1, 4])
    made = histogram_drawing(table, OperatingPoints(), "these images")
    assert "are wrong: 2 reals flagged, 1 fake missed." in made.caption
    assert made.caption.startswith("p_fake of 3 reals and 2 fakes of these images.")
    assert {"real", "fake", "threshold", "p_fake"} <= set(texts(made))


def test_the_forest_lists_every_row_with_its_counts(full):
    made = forest_drawing(full.evaluation)
    rows = list(full.evaluation.rows())
    assert sum(bool(re.search(r"\d+/\d+$", text)) for text in texts(made)) == len(rows)
    weakest = min(rows, key=lambda row: row.roc_auc.value)
    assert f"Weakest: {weakest.name}, {weakest.roc_auc}." in made.caption


def test_a_single_row_needs_no_forest(drawn):
    assert forest_drawing(evaluate(drawn(40), OperatingPoints(), QUICK)) is None


def test_training_shows_losses_auc_and_rate(history):
    losses, auc, rate = training_drawings(history, best_epoch=3)
    assert {"total", "cross-entropy", "language-kl", "validation"} <= set(texts(losses))
    assert "epoch 3, whose weights are kept" in losses.caption
    assert "the kept epoch reached 90.0\N{NO-BREAK SPACE}%" in auc.caption
    assert rate.caption == "Learning rate, from 1e-4 to 1e-5."


def test_one_epoch_is_drawn_as_dots(history):
    losses, _, _ = training_drawings(history[:1], best_epoch=None)
    assert "<use" in losses.svg
    assert "kept" not in losses.caption


def test_a_loss_that_is_no_number_does_not_stop_the_report(history):
    broken = [{**history[0], "val_loss": float("nan"), "val_auc": float("nan")}]
    assert len(training_drawings(broken, best_epoch=1)) == 3


def test_without_history_there_is_no_figure():
    assert training_drawings([], best_epoch=None) == []


def test_similarity_is_drawn_in_blocks():
    cosine = np.array([[0.9, 0.7, -0.2], [0.7, 0.9, -0.2], [-0.2, -0.2, 0.8]])
    made = similarity_drawing(SimilarityMatrix(cosine, ["real", "real", "gan"]))
    assert [texts(made).count(name) for name in ("real", "gan")] == [2, 2]
    assert "Mean within the blocks 0.80, outside −0.20" in made.caption


def test_similarity_of_one_prompt_has_no_outside():
    made = similarity_drawing(SimilarityMatrix(np.ones((2, 2)), ["real", "real"]))
    assert "outside" not in made.caption


@pytest.mark.parametrize("points", [OperatingPoints(), None])
def test_unfitted_thresholds_are_said_to_be(drawn, points):
    table = drawn(120)
    evaluation = evaluate(table, points or fit_operating_points(table), QUICK)
    _, low = roc_drawings(evaluation, table, "these images")
    assert ("not fitted" in joined(low)) == (points is not None)
