"""Two detectors on the same images: the AUCs of both, and whether the difference means anything."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mfclip.metrics.bootstrap import Resampler
from mfclip.metrics.cautions import row_warnings
from mfclip.metrics.counterparts import counterpart, named
from mfclip.metrics.delong import PairedTest, paired_test
from mfclip.metrics.matching import matched
from mfclip.metrics.paired import paired_bootstrap
from mfclip.metrics.results import Frozen
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.videos import by_video, has_videos
from mfclip.recipe.settings import EvaluationSettings

Kind = Literal["overall", "group", "generator"]


class ComparedRow(Frozen):
    """Both detectors on one selection of images."""

    kind: Kind
    name: str
    reals: int
    fakes: int
    identities: int
    """Units that the bootstrap draws: identities, else videos, else images."""
    against: str = ""
    """Of a generator: which reals its fakes are compared with."""
    bootstrap: PairedTest
    """Identities and videos kept whole: the one to trust."""
    delong: PairedTest
    """Images taken as independent: right where there is one image a unit."""
    warnings: tuple[str, ...] = ()
    """What to know before quoting the figures."""


class Comparison(Frozen):
    """Two detectors, a and b, on the same images."""

    a: str
    """Name of the first."""
    b: str
    """Name of the second."""
    rows: tuple[ComparedRow, ...]
    """Overall, then groups, then generators."""
    settings: EvaluationSettings
    precisions: tuple[str, str] = ("", "")
    """Arithmetic that each scored in, ``fp32`` or ``bf16``; empty: not told."""
    unscored: int = 0
    """Images that one of the two has no score for, left out of every figure."""
    videos: Comparison | None = None
    """The same by video, where two images or more are of one."""


def compare(
    a: ScoreTable,
    b: ScoreTable,
    settings: EvaluationSettings | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """Compare the AUCs of two detectors that scored the same images, in any order.

    Groups, generators, identities and videos are taken from the first table.

    Raises:
        DataError: The images are not the same, a label differs, or a video id stands for several
            videos.
    """
    settings = settings or EvaluationSettings(bootstrap=2000)
    other = matched(a, b)
    both = np.isfinite(a.log_odds) & np.isfinite(other.log_odds)
    pair = _Pair(a.where(both), other.where(both), settings, "images")
    return Comparison(
        a=names[0],
        b=names[1],
        rows=tuple(pair.rows()),
        settings=settings,
        unscored=int(np.count_nonzero(~both)),
        videos=_by_video(pair, names),
    )


class _Selection(NamedTuple):
    """Some rows of a table."""

    kind: Kind
    name: str
    keep: NDArray[np.bool_]
    against: str = ""
    warnings: tuple[str, ...] = ()


class _Pair(NamedTuple):
    """Two tables that differ in their scores only."""

    a: ScoreTable
    b: ScoreTable
    settings: EvaluationSettings
    noun: str
    """What a row is."""

    def rows(self) -> Iterator[ComparedRow]:
        """Both tests on every selection."""
        for selection in self.selections():
            yield self.row(selection)

    def selections(self) -> Iterator[_Selection]:
        """What an evaluation measures, but for the mean."""
        table = self.a
        yield _Selection("overall", "overall", np.ones(len(table), dtype=bool))
        for name in np.unique(table.group) if (table.group != "").any() else ():
            yield _Selection("group", named(str(name)), table.group == name)
        generators = np.unique(table.generator[table.is_fake])
        for name in generators if (generators != "").any() else ():
            own = table.is_fake & (table.generator == name)
            reals, against, warnings = counterpart(table, own)
            yield _Selection("generator", named(str(name)), own | reals, against, warnings)

    def row(self, selection: _Selection) -> ComparedRow:
        """Both tests on one selection."""
        part, other = self.a.where(selection.keep), self.b.log_odds[selection.keep]
        units, settings = Resampler.make(part), self.settings
        # The name is part of the seed, so that rows are not drawn alike.
        seed = (settings.seed, zlib.crc32(f"{selection.kind} {selection.name}".encode()))
        cautions = row_warnings(
            part, units.identities, units.pinned, flawless=False, noun=self.noun
        )
        return ComparedRow(
            kind=selection.kind,
            name=selection.name,
            reals=part.reals,
            fakes=part.fakes,
            identities=units.identities,
            against=selection.against,
            bootstrap=paired_bootstrap(
                part,
                other,
                resamples=settings.bootstrap,
                confidence=settings.confidence,
                seed=seed,
            ),
            delong=paired_test(part.is_fake, part.log_odds, other, confidence=settings.confidence),
            warnings=(*selection.warnings, *cautions),
        )


def _by_video(pair: _Pair, names: tuple[str, str]) -> Comparison | None:
    """The same by video, from the frames that both have scored."""
    if not has_videos(pair.a):
        return None
    videos = _Pair(by_video(pair.a), by_video(pair.b), pair.settings, "videos")
    return Comparison(a=names[0], b=names[1], rows=tuple(videos.rows()), settings=pair.settings)
