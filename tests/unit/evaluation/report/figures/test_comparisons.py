"""Figures that compare several detectors, and those of calibration and embeddings."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from mfclip.evaluation.report import SimilarityMatrix
from mfclip.evaluation.report.figures.calibration import calibration_drawing
from mfclip.evaluation.report.figures.embedding import embedding_drawing
from mfclip.evaluation.report.figures.generators import generators_drawing
from mfclip.evaluation.report.figures.robustness import robustness_drawing
from mfclip.evaluation.report.figures.similarity import gate_drawing, similarity_drawings
from mfclip.metrics.calibration import calibration_curve
from mfclip.metrics.results import Interval

NAMES = ["mfclip", "clip", "cvit"]


def texts(drawing):
    found = ElementTree.fromstring(drawing.svg).iter("text")
    return ["".join(element.itertext()).strip() for element in found]


def interval(value):
    return Interval(value=value, low=value - 0.05, high=value + 0.03)


def curves(corruptions=("jpeg", "blur"), detectors=NAMES):
    return {
        corruption: {
            name: [interval(0.95 - 0.02 * (i + 1) * (j + 1) * level) for level in range(6)]
            for i, name in enumerate(detectors)
        }
        for j, corruption in enumerate(corruptions)
    }


def test_corruptions_are_panels_on_common_axes():
    made = robustness_drawing(curves(), subject="the test split", images=120)
    assert [texts(made).count(name) for name in ("jpeg", "blur", *NAMES)] == [1] * 5
    assert texts(made).count("level") == 2
    assert texts(made).count("AUC, percent") == 1
    assert "120 images of the test split" in made.caption
    assert "95% intervals" in made.caption
    assert "mfclip loses most under blur: 20.0 points." in made.caption


def test_panels_over_blanks_keep_their_axis():
    made = robustness_drawing(curves([f"c{i}" for i in range(7)]), subject="x", images=1)
    assert texts(made).count("level") == 4


def test_a_level_that_was_not_measured_is_left_out():
    some = {"jpeg": {"a": [interval(0.9), None, interval(0.8)], "b": [None, None, None]}}
    made = robustness_drawing(some, subject="x", images=1)
    assert "a loses most under jpeg: 10.0 points." in made.caption
    assert "b" not in texts(made)


@pytest.mark.parametrize("detectors", [[], list("abcdefg")])
def test_more_detectors_than_colours_are_refused(detectors):
    with pytest.raises(ValueError, match=f"got {len(detectors)}"):
        robustness_drawing(curves(detectors=detectors), subject="x", images=1)
    bars = {"SDXL": {name: interval(0.7) for name in detectors}}
    with pytest.raises(ValueError, match=f"got {len(detectors)}"):
        generators_drawing(bars, counts={}, subject="x")


def test_generators_name_their_fakes_and_the_hardest():
    bars = {
        "StyleGAN": {"mfclip": interval(0.9), "clip": interval(0.8)},
        "SDXL": {"mfclip": interval(0.7), "clip": interval(0.4)},
    }
    made = generators_drawing(bars, counts={"StyleGAN": 1234, "SDXL": 5}, subject="the test split")
    assert {"StyleGAN · 1,234", "SDXL · 5", "mfclip", "clip"} <= set(texts(made))
    assert "Hardest on average: SDXL, 55.0." in made.caption
    assert "SDXL, clip 40.0 [35.0, 43.0]" in made.alt


def test_calibration_tells_its_bins_and_error():
    rng = np.random.default_rng(0)
    p_fake = rng.random(200)
    curve = calibration_curve(rng.random(200) < p_fake, p_fake, bins=5)
    made = calibration_drawing(curve, "the test split")
    assert "200 images of the test split, in bins of 40 images" in made.caption
    assert f"{100 * curve.error:.1f}" in made.caption
    assert calibration_drawing(calibration_curve([], []), "x") is None


def embeddings(n=40):
    rng = np.random.default_rng(0)
    is_fake = np.arange(n) % 2 == 1
    generator = np.array([f"g{i % 8}" if i % 2 else "" for i in range(n)])
    return rng.normal(size=(n, 8)) + 3 * is_fake[:, None], is_fake, generator


@pytest.mark.parametrize("projection", ["pca", "tsne"])
def test_embeddings_tell_what_the_plane_means(projection):
    made = embedding_drawing(*embeddings(), projection=projection, subject="x", title="mfclip")
    assert made.caption.startswith("X_v of 20 reals and 20 fakes of x.")
    assert ("of the variance" in made.caption) == (projection == "pca")
    assert ("neighbourhoods" in made.caption) == (projection == "tsne")
    assert {"mfclip", "real", "g1", "g3"} <= set(texts(made))
    assert (
        embedding_drawing(*embeddings(), projection=projection, subject="x", title="mfclip") == made
    )


def test_generators_beyond_the_colours_are_joined():
    features, is_fake, _ = embeddings(60)
    generator = [f"g{i % 20}" for i in range(60)]
    made = embedding_drawing(features, is_fake, generator, subject="x")
    assert "others" in texts(made)
    assert sum(text.startswith("g") for text in texts(made)) == 5


def test_the_plane_keeps_the_largest_spread():
    features = np.c_[np.ones(20), np.linspace(-1, 1, 20), np.zeros((20, 3))]
    made = embedding_drawing(features, [False] * 20, [""] * 20, subject="x")
    # Unit vectors of two numbers lie on an arc, which one component nearly holds.
    assert "variance" in made.caption
    assert float(made.caption.split("components: ")[1].split("\N{NO-BREAK SPACE}")[0]) > 90


def test_a_projection_needs_some_images():
    with pytest.raises(ValueError, match="at least 4 images, got 2"):
        embedding_drawing(np.ones((2, 3)), [False, True], ["", "a"], subject="x")


def test_matrices_share_one_scale_and_the_gate_has_its_own():
    pair = ["real", "fake"]
    weak, strong = SimilarityMatrix(np.eye(2) * 0.1, pair), SimilarityMatrix(np.eye(2), pair)
    made = similarity_drawings({"one": weak, "two": strong})
    ticks = [{text for text in texts(one) if text[:1].isdigit()} for one in made.values()]
    assert ticks[0] == ticks[1]
    alone = similarity_drawings({"one": weak})["one"]
    assert {text for text in texts(alone) if text[:1].isdigit()} != ticks[0]
    gate = gate_drawing(SimilarityMatrix(np.array([[0.6, 0.5], [0.5, 0.7]]), pair), title="σ(A)")
    assert "True pairs 0.650, all others 0.500" in gate.caption
    assert similarity_drawings({}) == {}
