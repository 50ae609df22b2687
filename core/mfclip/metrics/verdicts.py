"""What the three verdicts do to measured images: how many are uncertain, how many are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from mfclip.metrics.bootstrap import Resampler
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.results import Interval, ThreeVerdicts
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

SEED = 3
"""Sets the resamples apart from those of other tables."""


def three_verdicts(
    table: ScoreTable, operating: OperatingPoints, settings: EvaluationSettings
) -> ThreeVerdicts | None:
    """Measure the scored rows of a table; None without a fitted band or without a row.

    The intervals are percentiles over resampled identities, as everywhere.
    """
    band, scored = operating.band, table.scored()
    if band is None or band.low is None or band.high is None or not len(scored):
        return None
    p_fake = operating.p_fake(scored.log_odds)
    masks = _masks(scored.is_fake, p_fake < band.low, p_fake >= band.high)
    once = _shares(np.ones((1, len(scored))), masks)[0]
    drawn = Resampler.make(scored).weights(settings.bootstrap, (settings.seed, SEED))
    replicates = np.concatenate([_shares(weights, masks) for weights in drawn])
    tail = (1 - settings.confidence) / 2
    figures = {}
    for place, name in enumerate(masks):
        of_name = replicates[:, place]
        known = of_name[~np.isnan(of_name)]
        low, high = np.quantile(known, [tail, 1 - tail]) if known.size else (np.nan, np.nan)
        figures[name] = Interval(value=once[place], low=low, high=high)
    return ThreeVerdicts(error=band.error, low=band.low, high=band.high, **figures)


Masks = dict[str, tuple[Bool[NDArray[np.bool_], " n"], Bool[NDArray[np.bool_], " n"]]]
"""By figure: the images that are counted, and those that they are counted among."""


def _masks(
    is_fake: Bool[NDArray[np.bool_], " n"],
    real: Bool[NDArray[np.bool_], " n"],
    fake: Bool[NDArray[np.bool_], " n"],
) -> Masks:
    """By what images are and what they are called."""
    uncertain, wrong = ~(real | fake), np.where(is_fake, real, fake)
    everything = np.ones(len(is_fake), dtype=bool)
    return {
        "uncertain": (uncertain, everything),
        "uncertain_reals": (uncertain, ~is_fake),
        "uncertain_fakes": (uncertain, is_fake),
        "wrong_reals": (wrong, ~is_fake),
        "wrong_fakes": (wrong, is_fake),
        "wrong_of_rest": (wrong, ~uncertain),
    }


def _shares(weights: NDArray[Any], masks: Masks) -> Float64[NDArray[Any], "r figures"]:
    """Each share under each row of weights; NaN where there is nothing to count among."""
    columns = []
    for counted, among in masks.values():
        total = weights @ among.astype(np.float64)
        hit = weights @ (counted & among).astype(np.float64)
        columns.append(np.divide(hit, total, out=np.full(len(total), np.nan), where=total > 0))
    return np.stack(columns, axis=1)
