"""Distances to training images against scikit-learn, and the share that lies over the limit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from mfclip.metrics.familiar import Familiar, fit_familiar, unit


def drawn(images: int, seed: int, shift: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(loc=shift, size=(images, 16))


def fitted(share: float = 0.05, training: int = 300, validation: int = 400) -> Familiar:
    return fit_familiar(
        drawn(training, 0), drawn(validation, 1), share, sides=[60, 40, 90], formats=["PNG", "JPEG"]
    )


@pytest.mark.parametrize(("training", "nearest"), [(300, 10), (100, 10), (55, 5), (3, 1)])
def test_distances_are_scikit_learns(training, nearest):
    found = fitted(training=training)
    assert found.nearest == nearest
    other = drawn(50, 2)
    known = NearestNeighbors(n_neighbors=nearest).fit(normalize(drawn(training, 0)))
    expected = known.kneighbors(normalize(other))[0][:, -1]
    assert found.distances(other) == pytest.approx(expected, rel=1e-5)
    assert found.distances(other * 7) == pytest.approx(expected, rel=1e-5), "length is nothing"
    assert len(found.distances(other[:0])) == 0


def test_of_images_like_validation_s_the_share_is_over_the_limit():
    over = []
    for seed in range(20):
        found = fit_familiar(
            drawn(200, 3 * seed), drawn(199, 3 * seed + 1), 0.1, sides=[1], formats=[]
        )
        over.append(np.mean(found.distances(drawn(2000, 3 * seed + 2)) > found.limit))
    assert np.mean(over) == pytest.approx(0.1, abs=0.012)


def test_images_of_another_kind_are_over_it():
    found = fitted()
    assert np.mean(found.distances(drawn(500, 4, shift=-1.0)) > found.limit) > 0.99


def test_remarks():
    found = fitted()
    assert found.of_pixels(found.limit, 40) == found.of_pixels(0, 90) == ""
    assert found.of_pixels(found.limit + 0.1, 60).startswith("unlike the training images: distance")
    assert found.of_pixels(0, 39) == (
        "its shorter side of 39 pixels is outside the training images' 40 to 90"
    )
    assert found.of_form("PNG") == found.of_form(None) == ""
    assert found.of_form("WEBP") == "a WEBP file; the training images were JPEG and PNG"


def test_a_share_that_validation_is_too_small_for():
    with pytest.raises(ValueError, match="needs 19 validation images or more, got 18"):
        fitted(validation=18)
    assert fitted(validation=19).limit > 0


def test_nothing_to_compare_with():
    with pytest.raises(ValueError, match="no training images"):
        fit_familiar(drawn(0, 0), drawn(50, 1), 0.1, sides=[1], formats=[])


def test_saved_and_loaded_it_is_the_same(tmp_path):
    found = fitted()
    (tmp_path / "f").write_bytes(found.save())
    again = Familiar.load(tmp_path / "f")
    assert np.array_equal(again.features, found.features)
    assert vars(again) | {"features": 0} == vars(found) | {"features": 0}


def test_a_feature_that_is_zero_harms_nothing():
    assert np.array_equal(unit(np.zeros((2, 3))), np.zeros((2, 3)))
    assert np.isfinite(fitted().distances(np.zeros((1, 16)))).all()
