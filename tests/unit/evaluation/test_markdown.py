from __future__ import annotations

import numpy as np

from mfclip.evaluation.evaluate import evaluate
from mfclip.evaluation.markdown import render
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)


def test_the_tables_are_whole(drawn):
    table = drawn(200, group=["a", "b|c"] * 100, generator=np.repeat("g", 200))
    points = fit_operating_points(drawn(150, seed=1))
    found = evaluate(table, points, QUICK)
    lines = render(found).splitlines()
    result = [line for line in lines[: lines.index("")] if line]
    assert len(result) == 2 + len(list(found.rows()))
    assert {line.replace("\\|", "").count("|") for line in result} == {11}
    assert result[2].startswith("| **overall** |")
    assert f"| {found.overall.roc_auc} |" in result[2]
    assert result[4].startswith("| group b\\|c |")
    assert sum("false alarms" in line for line in lines) == 1  # too few reals for 1 %


def test_warnings_follow_the_tables(table_of):
    text = render(evaluate(table_of([True] * 3, [0, 1, 2]), OperatingPoints(), QUICK))
    assert "- overall: no real images" in text
    assert "- overall: only 3 fake images" in text
    assert "nan" not in text


def test_videos_follow_the_images(drawn):
    found = evaluate(drawn(60), OperatingPoints(), QUICK)
    assert "By video" not in render(found)
    table = drawn(60, video=np.repeat(np.arange(20), 3).astype(str))
    table.is_fake[:] = np.repeat(np.arange(20) % 2 == 0, 3)
    found = evaluate(table, OperatingPoints(), QUICK)
    images, videos = render(found).split("By video")
    assert str(found.videos.overall.roc_auc) in videos
    assert str(found.videos.overall.roc_auc) not in images
    assert "| **overall** | 10 | 10 |" in videos
    assert "only 10 real and 10 fake videos" in videos
