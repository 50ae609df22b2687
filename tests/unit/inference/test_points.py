"""Operating points by name."""

import math

import pytest

from mfclip.errors import UsageError
from mfclip.inference.points import Point, choose_point, names
from mfclip.metrics.band import Band
from mfclip.metrics.operating import AlarmThreshold, OperatingPoints

FITTED = OperatingPoints(
    threshold=0.4,
    alarms=(
        AlarmThreshold(limit=0.01, reason="needs at least 100 real validation images, got 50"),
        AlarmThreshold(limit=0.05, threshold=0.7),
    ),
    reals=50,
    fakes=50,
)
UNFITTED = OperatingPoints(notes=("not fitted: validation has 0 real and 3 fake images",))


@pytest.mark.parametrize(
    ("wanted", "point"),
    [
        (None, ("balanced", 0.4)),
        ("balanced", ("balanced", 0.4)),
        ("fpr-5", ("fpr-5", 0.7)),
        ("0.25", ("given", 0.25)),
        (0.25, ("given", 0.25)),
        (0, ("given", 0.0)),
        (1, ("given", 1.0)),
    ],
)
def test_a_name_or_a_number_is_a_threshold(wanted, point) -> None:
    assert choose_point(FITTED, wanted) == point


def test_a_point_that_was_not_fitted_says_why_and_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"'fpr-1' could not be fitted: needs at least 100") as why:
        choose_point(FITTED, "fpr-1")
    assert str(why.value).endswith("allowed: balanced, fpr-5, a number 0-1")
    for wanted in ("balanced", "fpr-1"):
        with pytest.raises(UsageError, match="validation has 0 real and 3 fake"):
            choose_point(UNFITTED, wanted)


@pytest.mark.parametrize("wanted", ["fpr-2", "", "nan", "1.01", -0.1, math.inf, math.nan])
def test_anything_else_is_refused(wanted) -> None:
    with pytest.raises(UsageError, match=r"no operating point; allowed: balanced, fpr-5, a num"):
        choose_point(FITTED, wanted)
    assert names(FITTED) == ("balanced", "fpr-1", "fpr-5")


def test_an_unfitted_detector_has_its_threshold_and_says_so() -> None:
    assert choose_point(UNFITTED) == ("unfitted", 0.5)


def test_the_threshold_itself_is_fake() -> None:
    assert Point("given", 0.3).verdict(0.3) == "fake"
    assert Point("given", 0.3).verdict(math.nextafter(0.3, 0)) == "real"


BANDED = FITTED.model_copy(update={"band": Band(error=0.05, low=0.25, high=0.75)})


def test_a_detector_with_a_band_has_three_verdicts_unless_told_otherwise():
    point = choose_point(BANDED)
    assert (point.name, point.threshold) == ("error-5", 0.75)
    assert choose_point(BANDED, "error-5") == point
    assert [point.verdict(p) for p in (0.2, 0.25, 0.7, 0.75)] == [
        "real",
        "uncertain",
        "uncertain",
        "fake",
    ]
    assert point.remark(0.5) == "p_fake is between 0.2500 and 0.7500"
    assert point.remark(0.2) == point.remark(0.9) == ""
    two = choose_point(BANDED, "balanced")
    assert two.verdict(0.5) in ("real", "fake")
    assert two.remark(0.5) == ""


def test_a_band_that_was_not_fitted_leaves_two_verdicts():
    without = FITTED.model_copy(update={"band": Band(error=0.05, reason="too few")})
    assert choose_point(without) == choose_point(FITTED)
    with pytest.raises(UsageError, match="'error-5' could not be fitted: too few"):
        choose_point(without, "error-5")
    with pytest.raises(UsageError, match="allowed: balanced, fpr-5, error-5, a number"):
        choose_point(BANDED, "error-1")
