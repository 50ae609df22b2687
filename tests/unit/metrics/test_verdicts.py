"""What the three verdicts do to measured images, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfclip.evaluation.evaluate import evaluate
from mfclip.evaluation.markdown import render
from mfclip.metrics.band import Band
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.verdicts import three_verdicts
from mfclip.recipe.settings import EvaluationSettings

SETTINGS = EvaluationSettings(bootstrap=200)
POINTS = OperatingPoints(
    reals=50, fakes=50, band=Band(error=0.1, low=0.3, high=0.7, reals=50, fakes=50)
)


@pytest.fixture
def table(table_of):
    def make(reals, fakes):
        p_fake = np.array([*reals, *fakes])
        is_fake = np.arange(len(p_fake)) >= len(reals)
        return table_of(is_fake, np.log(p_fake / (1 - p_fake)))

    return make


def test_the_shares_are_those_counted_by_hand(table):
    #         real real  ?    ?    fake   real  ?    fake fake
    scores = table([0.1, 0.2, 0.4, 0.6, 0.9], [0.05, 0.5, 0.8, 0.95])
    found = three_verdicts(scores, POINTS, SETTINGS)
    assert found.uncertain.value == pytest.approx(3 / 9)
    assert found.uncertain_reals.value == pytest.approx(2 / 5)
    assert found.uncertain_fakes.value == pytest.approx(1 / 4)
    assert found.wrong_reals.value == pytest.approx(1 / 5)
    assert found.wrong_fakes.value == pytest.approx(1 / 4)
    assert found.wrong_of_rest.value == pytest.approx(2 / 6)
    assert found.uncertain.low < found.uncertain.value < found.uncertain.high


def test_intervals_cover_as_often_as_they_say(table):
    draw, hits = np.random.default_rng(0), 0
    for _ in range(100):
        reals = np.where(draw.uniform(size=80) < 0.25, 0.5, 0.1)
        found = three_verdicts(table(reals, np.full(80, 0.9)), POINTS, SETTINGS)
        hits += found.uncertain_reals.low <= 0.25 <= found.uncertain_reals.high
    assert 88 <= hits <= 100


def test_where_nothing_is_left_the_error_is_undefined(table):
    found = three_verdicts(table([0.5, 0.5], [0.5]), POINTS, SETTINGS)
    assert found.uncertain.value == 1
    assert math.isnan(found.wrong_of_rest.value)
    assert found.wrong_reals.value == 0


def test_without_a_band_there_is_nothing_to_measure(table):
    scores = table([0.1, 0.2], [0.9])
    assert three_verdicts(scores, OperatingPoints(), SETTINGS) is None
    unfitted = OperatingPoints(band=Band(error=0.05, reason="too few"))
    assert three_verdicts(scores, unfitted, SETTINGS) is None
    assert evaluate(scores, OperatingPoints(), SETTINGS).three_verdicts is None


def test_an_evaluation_tells_them(table):
    scores = table([0.1, 0.2, 0.4, 0.6, 0.9] * 4, [0.05, 0.5, 0.8, 0.95] * 5)
    found = evaluate(scores, POINTS, SETTINGS)
    text = render(found)
    assert "uncertain from p_fake 0.3000 to 0.7000; at most 10% wrong" in text
    assert "| 20.0 [" in text
    assert type(found).model_validate_json(found.model_dump_json()) == found
