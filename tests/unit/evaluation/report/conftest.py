"""A full report's data, made up, with names that a careless page would trip over."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mfclip.evaluation.evaluate import evaluate
from mfclip.evaluation.report import ReportData, Sample, SimilarityMatrix
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=100)
NAMES = ["<script>alert(1)</script>", "_b & $c$", "顔"]


def draw_scores(n: int, seed: int) -> ScoreTable:
    rng = np.random.default_rng(seed)
    is_fake = rng.random(n) < 0.5
    names = np.array(NAMES)[np.arange(n) % 3]
    empty = np.full(n, "")
    return ScoreTable(
        path=np.array([f"{i}.png" for i in range(n)]),
        log_odds=rng.normal(size=n) + 2 * (is_fake - 0.5),
        is_fake=is_fake,
        group=names,
        forgery=empty,
        family=empty,
        generator=np.where(is_fake, names, ""),
        identity=empty,
    )


@pytest.fixture(scope="session")
def history():
    return [
        {
            "epoch": epoch,
            "lr": 1e-4 if epoch < 3 else 1e-5,
            "losses": {"cross-entropy": 1 / epoch, "language-kl": 2 / epoch},
            "total": 3 / epoch,
            "val_auc": 0.9 - abs(epoch - 3) / 10,
            "val_loss": 1 / epoch,
        }
        for epoch in (1, 2, 3, 4)
    ]


@pytest.fixture(scope="session")
def full(history):
    validation, test = draw_scores(300, 1), draw_scores(240, 2)
    points = fit_operating_points(validation)
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    finding = SimpleNamespace(
        severity="warning", message="sizes <differ>", advice="resize", examples=("a&b.png",)
    )
    labels = ["real", "real", NAMES[0], NAMES[0]]
    right = Sample(
        name="<a>.png",
        image=image,
        p_fake=0.98,
        is_fake=True,
        generator=NAMES[0],
        box=(32, 0, 64, 32),
        patch=image[:32, 32:],
        noise=np.abs(image[:32, 32:, 0] / 255.0),
    )
    return ReportData(
        title='A <b> & "c"',
        facts={"Training data": "<i>faces</i>"},
        synthetic=True,
        evaluation=evaluate(test, points, QUICK),
        scores=test,
        validation=evaluate(validation, points, QUICK),
        history=history,
        best_epoch=3,
        similarity=SimilarityMatrix(np.eye(4), labels),
        samples=[right, Sample(name="b.png", image=image, p_fake=0.9, is_fake=False)],
        findings=[finding],
        recipe='name = "</code><script>"',
        parts=[SimpleNamespace(path="vision", parameters=44_140_000, macs=6_570, per="image")],
        versions={"torch": "2.6"},
        timing={"Training": "1 h"},
    )
