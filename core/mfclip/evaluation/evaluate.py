"""Measure a table of scores: overall, per group and per generator, each with its interval."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mfclip.metrics.bootstrap import (
    AT_THRESHOLD,
    THRESHOLD_FREE,
    Resampler,
    View,
    percentiles,
    replicate,
)
from mfclip.metrics.cautions import evaluation_warnings, row_warnings
from mfclip.metrics.counterparts import counterpart, named
from mfclip.metrics.measures import undefined
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.results import HALF, Evaluation, Interval, Rates, Row
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.verdicts import three_verdicts
from mfclip.metrics.videos import by_video, has_videos
from mfclip.recipe.settings import EvaluationSettings


def evaluate(
    table: ScoreTable, operating: OperatingPoints, settings: EvaluationSettings | None = None
) -> Evaluation:
    """Measure every row at operating points that were fitted elsewhere.

    Where some images are frames of one video, the same figures follow once more by video, at the
    operating points of films where these are fitted.

    The fakes of a generator are compared with the reals of the groups they are in, and with all
    reals where those groups have none; :attr:`Row.against` says which. Nothing raises for data
    that are small or one-sided: such figures are NaN and the row says why.

    Raises:
        DataError: A video id stands for several videos.
    """
    settings = settings or EvaluationSettings()
    found = _evaluate(table, operating, settings, "images").model_copy(
        update={"three_verdicts": three_verdicts(table, operating, settings)}
    )
    if not has_videos(table):
        return found
    pooled = by_video(table, operating.sharpness)
    videos = _evaluate(pooled, operating.of_films, settings, "videos")
    return found.model_copy(update={"videos": videos})


def _evaluate(
    table: ScoreTable, operating: OperatingPoints, settings: EvaluationSettings, noun: str
) -> Evaluation:
    """Measure a table whose rows are ``noun``."""
    scored = table.scored()
    job = _Job(scored, operating, settings, noun)
    whole, groups, mean = job.groups()
    return Evaluation(
        overall=job.row(whole, "overall", "overall"),
        groups=tuple(job.row(group, "group", named(name)) for name, group in groups),
        mean=mean,
        generators=tuple(job.generators()),
        thresholds=tuple(job.rates(whole)),
        operating=operating,
        settings=settings,
        unscored=len(table) - len(scored),
        warnings=tuple(evaluation_warnings(table, scored, operating, noun)),
    )


@dataclass(frozen=True)
class _Measured:
    """One selection of images, measured once as it is and once a resample."""

    images: ScoreTable
    identities: int
    pinned: int
    values: NDArray[np.float64]
    replicates: NDArray[np.float64]

    def cautions(self, noun: str) -> Iterator[str]:
        """What makes these figures of ``noun`` less than they seem."""
        auc, accuracy = self.values[0], self.values[len(THRESHOLD_FREE)]
        flawless = bool(1.0 in (auc, accuracy))
        return row_warnings(self.images, self.identities, self.pinned, flawless=flawless, noun=noun)


@dataclass(frozen=True)
class _Job:
    """One evaluation under way."""

    table: ScoreTable
    operating: OperatingPoints
    settings: EvaluationSettings
    noun: str
    """What a row of the table is."""

    def thresholds(self) -> list[tuple[str, float]]:
        """Names and values on ``p_fake``; the first is the fitted one, the second 0.5."""
        fitted = [
            (f"at most {alarm.limit:.0%} false alarms", alarm.threshold)
            for alarm in self.operating.alarms
            if alarm.threshold is not None
        ]
        best = "best balanced accuracy" if self.operating.fitted else "not fitted"
        return [(best, self.operating.threshold), (HALF, 0.5), *fitted]

    def measure(
        self, table: ScoreTable, parts: Sequence[NDArray[np.bool_]], name: str
    ) -> list[_Measured]:
        """Measure parts of a table on one set of resamples of all of it."""
        cuts = [threshold for _, threshold in self.thresholds()]
        views = [View.make(table, part, self.operating, cuts) for part in parts]
        resampler = Resampler.make(table)
        # The name is part of the seed, so that rows drawn apart are not drawn alike.
        seed = (self.settings.seed, zlib.crc32(name.encode()))
        drawn = replicate(views, resampler, self.settings.bootstrap, seed)
        once = np.ones((1, len(table)))
        return [
            _measured(table.where(part), view.measure(once)[0], replicates)
            for part, view, replicates in zip(parts, views, drawn, strict=True)
        ]

    def groups(self) -> tuple[_Measured, list[tuple[str, _Measured]], Row | None]:
        """All images, each group where there are groups, and the mean over groups."""
        names = np.unique(self.table.group).tolist() if (self.table.group != "").any() else []
        everything = np.ones(len(self.table), dtype=bool)
        parts = [everything, *(self.table.group == name for name in names)]
        whole, *groups = self.measure(self.table, parts, "overall")
        return whole, list(zip(names, groups, strict=True)), self.mean(groups)

    def mean(self, groups: Sequence[_Measured]) -> Row | None:
        """The plain mean over the groups with both classes, resampled together."""
        complete = [group for group in groups if not undefined(group.images.is_fake)]
        if len(complete) < 2:
            return None
        values = np.mean([group.values for group in complete], axis=0)
        replicates = np.mean([group.replicates for group in complete], axis=0)
        return Row(
            kind="mean",
            name=f"mean of {len(complete)} groups",
            reals=sum(group.images.reals for group in complete),
            fakes=sum(group.images.fakes for group in complete),
            identities=sum(group.identities for group in complete),
            **self.metrics(values, replicates),
        )

    def generators(self) -> Iterator[Row]:
        """The fakes of each named generator, against the reals of their groups."""
        fakes = self.table.is_fake
        names = np.unique(self.table.generator[fakes])
        for name in names if (names != "").any() else ():
            own = fakes & (self.table.generator == name)
            reals, against, warnings = counterpart(self.table, own)
            part = self.table.where(own | reals)
            everything = np.ones(len(part), dtype=bool)
            (measured,) = self.measure(part, [everything], f"generator {name}")
            yield self.row(measured, "generator", named(str(name)), against, warnings)

    def row(
        self,
        measured: _Measured,
        kind: Literal["overall", "group", "generator"],
        name: str,
        against: str = "",
        warnings: tuple[str, ...] = (),
    ) -> Row:
        """Put the figures of a selection into words."""
        return Row(
            kind=kind,
            name=name,
            reals=measured.images.reals,
            fakes=measured.images.fakes,
            identities=measured.identities,
            against=against,
            undefined=undefined(measured.images.is_fake),
            warnings=(*warnings, *measured.cautions(self.noun)),
            **self.metrics(measured.values, measured.replicates),
        )

    def metrics(self, values: NDArray[Any], replicates: NDArray[Any]) -> dict[str, Interval]:
        """The figures of a row by name."""
        free, (fitted, half, *_) = self.figures(values, replicates)
        return {"accuracy": fitted["accuracy"], "accuracy_at_half": half["accuracy"], **free}

    def figures(
        self, values: NDArray[Any], replicates: NDArray[Any]
    ) -> tuple[dict[str, Interval], list[dict[str, Interval]]]:
        """Each measure with its interval: those without a threshold, then those of each."""
        ends = percentiles(replicates, self.settings.confidence)
        found = (
            Interval(value=value, low=low, high=high)
            for value, low, high in zip(values, *ends, strict=True)
        )
        free = dict(zip(THRESHOLD_FREE, found, strict=False))
        return free, [dict(zip(AT_THRESHOLD, found, strict=False)) for _ in self.thresholds()]

    def rates(self, whole: _Measured) -> Iterator[Rates]:
        """What each fixed threshold does to all images."""
        _, figures = self.figures(whole.values, whole.replicates)
        for (name, threshold), found in zip(self.thresholds(), figures, strict=True):
            yield Rates(name=name, threshold=threshold, **found)


def _measured(
    images: ScoreTable, values: NDArray[np.float64], replicates: NDArray[np.float64]
) -> _Measured:
    """Add what the row says about its units."""
    units = Resampler.make(images)
    return _Measured(images, units.identities, units.pinned, values, replicates)
