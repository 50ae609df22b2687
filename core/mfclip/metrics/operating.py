"""What turns a detector's log-odds into a probability and a verdict, fitted on validation only.

``p_fake = 1 / (1 + exp(-log_odds / T))``. One temperature T and no bias: log-odds of zero stay
at ``p_fake`` 0.5, so calibration changes how sure the detector sounds and never what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from mfclip.data.labels import Verdict
from mfclip.metrics.band import Band, fit_band
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.videos import by_video, has_videos

FPR_LIMITS = (0.01, 0.05)
"""False-alarm rates for which a threshold is fitted."""
VIDEOS = 20
"""Validation videos of each class that are needed to fit what films are judged by."""
SHARPNESS = (0.0, 0.5, 1.0, 2.0)
"""Ways to pool the frames of a film that are tried, on calibrated log-odds."""
TEMPERATURES = (0.02, 50.0)
"""Range in which the temperature is sought."""


class AlarmThreshold(BaseModel):
    """The lowest threshold that flags at most a given share of the validation reals.

    Keys of a later version are passed over, here as in all of ``bundle.json``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    limit: float = Field(gt=0, lt=1)
    """Largest allowed share of reals flagged."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """On ``p_fake``; None where it cannot be fitted."""
    reason: str = ""
    """Why there is none."""


class OperatingPoints(BaseModel):
    """Everything fitted on the validation split. The default is what an unfitted detector has."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    temperature: float = Field(default=1.0, gt=0)
    """T: log-odds are divided by it."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    """At or above it, ``p_fake`` means fake. Best balanced accuracy on validation."""
    alarms: tuple[AlarmThreshold, ...] = ()
    """Thresholds that hold the false-alarm rate at 1 % and 5 % on validation."""
    band: Band | None = None
    """Scores without a verdict; None where none was asked for."""
    reals: int = Field(default=0, ge=0)
    """Real images fitted on."""
    fakes: int = Field(default=0, ge=0)
    """Fake images fitted on."""
    films: FilmPoints | None = None
    """What is fitted for films; None: they are scored as images are."""
    notes: tuple[str, ...] = ()
    """What could not be fitted and why."""

    @property
    def of_films(self) -> OperatingPoints:
        """What the score of a film is judged by."""
        return self if self.films is None else self.films.points

    @property
    def sharpness(self) -> float:
        """How the frames of a film are pooled, see :mod:`mfclip.metrics.videos`."""
        return 0.0 if self.films is None else self.films.sharpness

    @property
    def fitted(self) -> bool:
        """Whether validation had what a fit needs."""
        return self.reals > 0 and self.fakes > 0

    def p_fake(self, log_odds: ArrayLike) -> Float64[NDArray[Any], "*shape"]:
        """Calibrated probability of fake, 0-1; NaN stays NaN."""
        return sigmoid(np.asarray(log_odds, dtype=np.float64) / self.temperature)

    def verdict(self, p_fake: float) -> Verdict:
        """What to call an image: by the band where one is fitted, else by the threshold."""
        if self.band is not None and self.band.fitted:
            return self.band.verdict(p_fake)
        return "fake" if p_fake >= self.threshold else "real"


class FilmPoints(BaseModel):
    """How the frames of a film become its score, and what is fitted on the validation videos."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    sharpness: float = Field(default=0.0, ge=0)
    """0: the film's log-odds are the mean of its frames'; see :mod:`mfclip.metrics.videos`."""
    points: OperatingPoints
    """Of the pooled log-odds. Its counts are of videos."""


def fit_operating_points(
    validation: ScoreTable, uncertain_error: float | None = None
) -> OperatingPoints:
    """Fit temperature and thresholds. Rows without a score are left out.

    With ``uncertain_error``, above 0 and below 0.5, a band of uncertain scores as well. Where
    validation has :data:`VIDEOS` videos of each class, what films are judged by is fitted on them.

    Raises
    ------
    DataError
        A video id stands for several videos.

    Where validation lacks a class, the temperature stays 1 and the threshold 0.5, and the notes
    say so: nothing is ever fitted on other data instead.
    """
    found = _fit(validation, uncertain_error)
    if not (found.fitted and has_videos(validation)):
        return found
    fewest = min(_classes(by_video(validation)))
    if fewest < VIDEOS:
        note = (
            f"films are judged as images are: {VIDEOS} validation videos of each class are needed "
            f"to fit what is their own, got {fewest}"
        )
        return found.model_copy(update={"notes": (*found.notes, note)})
    return found.model_copy(update={"films": _fit_films(validation, found, uncertain_error)})


def _fit_films(
    validation: ScoreTable, images: OperatingPoints, uncertain_error: float | None
) -> FilmPoints:
    """Of some ways to pool frames the one whose calibrated videos have the smallest loss."""
    found: list[tuple[float, FilmPoints]] = []
    for sharpness in SHARPNESS:
        # Of calibrated log-odds, so that it means the same for detectors of any scale.
        scaled = sharpness / images.temperature
        videos = by_video(validation, scaled).scored()
        points = _fit(videos, uncertain_error)
        loss = np.logaddexp(
            0, np.where(videos.is_fake, -1, 1) * videos.log_odds / points.temperature
        )
        found.append((float(loss.mean()), FilmPoints(sharpness=scaled, points=points)))
    return min(found, key=lambda one: one[0])[1]


def _classes(table: ScoreTable) -> tuple[int, int]:
    scored = table.scored()
    return scored.reals, scored.fakes


def _fit(validation: ScoreTable, uncertain_error: float | None) -> OperatingPoints:
    table = validation.scored()
    if not (table.reals and table.fakes):
        note = f"not fitted: validation has {table.reals} real and {table.fakes} fake images"
        return OperatingPoints(reals=table.reals, fakes=table.fakes, notes=(note,))
    temperature = fit_temperature(table.log_odds, table.is_fake)
    p_fake = sigmoid(table.log_odds / temperature)
    threshold = balanced_threshold(p_fake, table.is_fake)
    band = uncertain_error and fit_band(p_fake, table.is_fake, uncertain_error, threshold)
    return OperatingPoints(
        temperature=temperature,
        threshold=threshold,
        band=band or None,
        alarms=tuple(alarm_threshold(p_fake, table.is_fake, limit) for limit in FPR_LIMITS),
        reals=table.reals,
        fakes=table.fakes,
        notes=tuple(_notes(temperature, band or None)),
    )


def fit_temperature(
    log_odds: Float64[NDArray[Any], " n"], is_fake: Bool[NDArray[Any], " n"]
) -> float:
    """The temperature with the smallest negative log-likelihood.

    The targets are Platt's (1999), (n + 1)/(n + 2) in place of 1: without them, validation
    images that are separated without an error would drive the temperature to zero and every
    probability to 0 or 1, on the strength of a few dozen images.
    """
    from scipy.optimize import minimize_scalar

    fakes = int(np.count_nonzero(is_fake))
    reals = len(is_fake) - fakes
    target = np.where(is_fake, (fakes + 1) / (fakes + 2), 1 / (reals + 2))

    def loss(log_temperature: float) -> float:
        z = log_odds / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - target * z))

    # In 1/T the loss is convex, so over log T it has one minimum and a bounded search finds it.
    bounds = tuple(np.log(TEMPERATURES))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))


def balanced_threshold(
    p_fake: Float64[NDArray[Any], " n"], is_fake: Bool[NDArray[Any], " n"]
) -> float:
    """The threshold with the best mean of the two classes' accuracies.

    It lies midway between neighbouring scores, and is 0 where flagging every image is best and
    scores are 0. Of equally good ones the nearest to 0.5 is taken, then the lower. Scores of 1
    are flagged by every threshold that there is: none lies above 1.
    """
    cuts, alarms, hits = _cuts(p_fake, is_fake)
    # Whole numbers, so that equally good cuts compare as equal.
    reals = np.count_nonzero(~is_fake)
    score = hits * reals - alarms * (len(is_fake) - reals)
    best = cuts[score == score.max()]
    return float(min(best, key=lambda cut: (abs(cut - 0.5), cut)))


def alarm_threshold(
    p_fake: Float64[NDArray[Any], " n"], is_fake: Bool[NDArray[Any], " n"], limit: float
) -> AlarmThreshold:
    """The lowest threshold that flags at most ``limit`` of the reals, midway between scores.

    With fewer than 1/``limit`` reals a rate that low cannot be told from zero, so none is given.
    """
    reals = int(np.count_nonzero(~is_fake))
    needed = _reals_for(limit)
    if reals < needed:
        reason = f"needs at least {needed} real validation images, got {reals}"
        return AlarmThreshold(limit=limit, reason=reason)
    cuts, alarms, _ = _cuts(p_fake, is_fake)
    allowed = cuts[alarms / reals <= limit]
    if not allowed.size:
        reason = f"more than {limit:.0%} of the real validation images have p_fake 1"
        return AlarmThreshold(limit=limit, reason=reason)
    return AlarmThreshold(limit=limit, threshold=float(allowed.min()))


def sigmoid(z: Float64[NDArray[Any], "*shape"]) -> Float64[NDArray[Any], "*shape"]:
    """1 / (1 + exp(-z)), without overflow; NaN stays NaN, without a warning."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.exp(-np.logaddexp(0, -z)))


def _reals_for(limit: float) -> int:
    """The fewest reals of which one is at most the share ``limit``."""
    about = int(np.ceil(1 / limit))
    return about - 1 if about > 1 and 1 / (about - 1) <= limit else about


def _cuts(
    p_fake: Float64[NDArray[Any], " n"], is_fake: Bool[NDArray[Any], " n"]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Every cut in 0-1 that makes a difference, with the reals and the fakes at or above it."""
    edges = np.unique(np.concatenate([[0.0], p_fake, [1.0]]))
    middle = edges[:-1] + np.diff(edges) / 2
    # Between adjacent floats the middle rounds to one of them; it must not be the lower.
    cuts = np.where(middle > edges[:-1], middle, edges[1:])
    if (p_fake == 0).any():  # only a threshold of 0 flags these too
        cuts = np.concatenate([[0.0], cuts])
    real_scores, fake_scores = np.sort(p_fake[~is_fake]), np.sort(p_fake[is_fake])
    alarms = len(real_scores) - np.searchsorted(real_scores, cuts)
    hits = len(fake_scores) - np.searchsorted(fake_scores, cuts)
    return cuts, alarms, hits


def _notes(temperature: float, band: Band | None) -> Iterable[str]:
    """What a reader should know of a fit."""
    if band is not None and not band.fitted:
        yield f"no verdict is uncertain: {band.reason}"
    low, high = TEMPERATURES
    if temperature > high * 0.99:
        yield (
            f"the temperature is at its limit of {high:g}: on validation, higher log-odds do not "
            "go with fakes, so p_fake stays close to 0.5"
        )
    if temperature < low * 1.01:
        yield f"the temperature is at its limit of {low:g}: the log-odds are unusually small"
