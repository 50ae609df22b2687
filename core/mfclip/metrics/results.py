"""What an evaluation found, as plain values that survive JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict

from mfclip.metrics.operating import OperatingPoints
from mfclip.recipe.settings import EvaluationSettings


def _read_nan(value: Any) -> Any:
    """JSON has no NaN: it is written as null."""
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_read_nan)]


class Frozen(BaseModel):
    """Base of the results: NaN becomes null in JSON, unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="null"
    )


class Interval(Frozen):
    """A measured share, 0-1, with the bootstrap interval around it. All NaN: undefined."""

    value: Number
    low: Number
    high: Number

    def __str__(self) -> str:
        """In percent, e.g. ``91.2 [88.0, 94.1]``."""
        if math.isnan(self.value):
            return "–"
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]".replace("%", "")


class Metric(NamedTuple):
    """A column of the result table."""

    field: str
    """Attribute of :class:`Row`."""
    label: str
    """Heading."""
    meaning: str
    """One line for the reader."""


METRICS = (
    Metric("roc_auc", "AUC", "chance that a random fake scores above a random real"),
    Metric("accuracy", "ACC", "right verdicts at the threshold fitted on validation"),
    Metric("accuracy_at_half", "ACC at 0.5", "right verdicts where p_fake ≥ 0.5 means fake"),
    Metric("average_precision", "AP", "mean precision over recall; fake is positive"),
    Metric("equal_error_rate", "EER", "error rate where false alarms equal misses; low is good"),
    Metric("tpr_at_fpr_1", "TPR at 1 % FPR", "fakes found when at most 1 % of reals are flagged"),
    Metric("tpr_at_fpr_5", "TPR at 5 % FPR", "fakes found when at most 5 % of reals are flagged"),
)
"""Columns of every table, in order."""


class Row(Frozen):
    """The figures of one selection of images."""

    kind: Literal["overall", "group", "mean", "generator"]
    name: str
    reals: int
    fakes: int
    identities: int
    """Units that the bootstrap draws: identities, else videos, else images."""
    against: str = ""
    """Of a generator: which reals its fakes are compared with."""
    roc_auc: Interval
    accuracy: Interval
    accuracy_at_half: Interval
    average_precision: Interval
    equal_error_rate: Interval
    tpr_at_fpr_1: Interval
    tpr_at_fpr_5: Interval
    undefined: str = ""
    """Why figures are missing."""
    warnings: tuple[str, ...] = ()
    """What to know before quoting the figures."""

    def interval(self, metric: Metric) -> Interval:
        """The figure of a column."""
        found = getattr(self, metric.field)
        assert isinstance(found, Interval)
        return found


HALF = "0.5"
"""Name of the threshold that was not fitted."""


class Rates(Frozen):
    """What one fixed threshold does to the measured images."""

    name: str
    threshold: float
    """On ``p_fake``."""
    accuracy: Interval
    false_alarms: Interval
    """Share of reals flagged."""
    found: Interval
    """Share of fakes flagged."""


class ThreeVerdicts(Frozen):
    """What the band of uncertain scores does to the measured images. Shares, 0-1."""

    error: float
    """Wanted: the largest share of reals called fake, and of fakes called real."""
    low: float
    """``p_fake`` below it: real."""
    high: float
    """``p_fake`` at or above it: fake."""
    uncertain: Interval
    """Of all images."""
    uncertain_reals: Interval
    """Of the reals."""
    uncertain_fakes: Interval
    """Of the fakes."""
    wrong_reals: Interval
    """Reals called fake, of all reals."""
    wrong_fakes: Interval
    """Fakes called real, of all fakes."""
    wrong_of_rest: Interval
    """Wrong verdicts, of the images that got one."""


class Evaluation(Frozen):
    """All figures of one table of scores."""

    overall: Row
    groups: tuple[Row, ...] = ()
    mean: Row | None = None
    """Plain mean over the groups that have both classes; from two such groups on."""
    generators: tuple[Row, ...] = ()
    thresholds: tuple[Rates, ...] = ()
    """The fitted thresholds and 0.5, on all images."""
    three_verdicts: ThreeVerdicts | None = None
    """Where the detector has a band of uncertain scores."""
    operating: OperatingPoints
    settings: EvaluationSettings
    precision: str = ""
    """Arithmetic that the images were scored in, ``fp32`` or ``bf16``; empty: not told."""
    unscored: int = 0
    """Images without a score, left out of every figure."""
    warnings: tuple[str, ...] = ()
    """What concerns the evaluation as a whole."""
    videos: Evaluation | None = None
    """The same by video, at the same thresholds: the score of a video is the mean log-odds of its
    frames. Only where two images or more are of one video."""

    def rows(self) -> Iterator[Row]:
        """Every row of images, in the order of the tables; those of videos are their own."""
        yield self.overall
        yield from self.groups
        if self.mean:
            yield self.mean
        yield from self.generators
