from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.results import METRICS, Evaluation, Interval, Row
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)


def test_json_gives_the_same_evaluation(drawn):
    found = evaluate(drawn(100, group=["a", "b"] * 50), fit_operating_points(drawn(150)), QUICK)
    assert Evaluation.model_validate_json(found.model_dump_json(indent=2)) == found


def test_json_keeps_the_figures_of_videos(table_of):
    table = table_of([True, True, False, False], [3, 2, 1, 0], video=["a", "a", "b", "b"])
    found = evaluate(table, fit_operating_points(table_of([], [])), QUICK)
    again = Evaluation.model_validate_json(found.model_dump_json(indent=2))
    assert again.videos.overall.fakes == 1
    assert again == found


def test_undefined_figures_are_null_in_json(table_of):
    found = evaluate(table_of([True] * 3, [0, 1, 2]), fit_operating_points(table_of([], [])), QUICK)
    text = found.model_dump_json(indent=2)
    assert json.loads(text)["overall"]["roc_auc"]["value"] is None
    again = Evaluation.model_validate_json(text)
    assert math.isnan(again.overall.roc_auc.value)
    assert again.model_dump_json(indent=2) == text


@pytest.mark.parametrize("text", ["", "{}", '{"overall": 1}'])
def test_other_json_is_refused(text):
    with pytest.raises(ValidationError, match="for Evaluation"):
        Evaluation.model_validate_json(text)


def test_every_metric_is_a_figure_of_a_row():
    figures = [name for name, field in Row.model_fields.items() if field.annotation is Interval]
    assert figures == [metric.field for metric in METRICS]


def test_intervals_read_in_percent():
    assert str(Interval(value=0.9123, low=0.88, high=1.0)) == "91.2 [88.0, 100.0]"
    assert str(Interval(value=math.nan, low=math.nan, high=math.nan)) == "–"
