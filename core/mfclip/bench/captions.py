"""The sentences below a table: what its figures are, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mfclip.bench.experiments import Column, Experiment
from mfclip.bench.left_out import LEFT_OUT, REST
from mfclip.bench.selections import KINDS
from mfclip.bench.study import Study
from mfclip.metrics.cautions import FEW_IMAGES


@dataclass(frozen=True)
class Caption:
    """Of the table of one block."""

    study: Study
    experiments: Sequence[Experiment]
    """Of the block."""
    tests: Mapping[str, Column]
    """The distinct test sets by what they are called."""
    nuisances: Mapping[str, float]
    """By test set, the AUC of knowing nothing but the group."""

    def sentences(self, marked: str) -> Iterator[str]:
        """All of them; ``marked`` says what a dagger stands for, empty where there is none."""
        yield seeds_sentence(self.study)
        yield from self._rows()
        yield (
            "ACC at the threshold fitted on the validation images of the training set, which "
            "chose the epoch too; no test image chose anything. Chance is the share of the "
            "larger class."
        )
        yield from self._rates()
        yield self._intervals()
        yield self._reals()
        if self.study.robust:
            yield self._corruption()
            yield from self._trained_on()
        yield "Training images (real / fake; for validation): " + "; ".join(
            f"{one.name} {one.counts.reals} / {one.counts.fakes} "
            f"({one.validation.reals} / {one.validation.fakes})"
            for one in self.experiments
        )
        if self.study.leaves:
            yield self._test_images()
        if marked:
            yield f"† marks tests on {marked}."
        yield from self._cautions()

    def _rows(self) -> Iterator[str]:
        if not self.study.leaves:
            return
        kind = KINDS[self.study.protocol.options.leave]
        yield (
            f"Each row leaves the fakes of one {kind} out of training and validation. "
            f"“{LEFT_OUT}” has the test fakes of that {kind}, “{REST}” those of the kinds trained "
            "on. The means are plain means over the rows, and their spread is that of the mean."
        )

    def _rates(self) -> Iterator[str]:
        if not self.study.leaves:
            return
        yield (
            "Reals flagged, fakes found: the shares of the real and of the fake test images that "
            "the threshold of ACC calls fake. TPR at 1 % FPR: the share of fakes found by the best "
            "threshold for these very test images that flags at most 1 % of their reals."
        )

    def _test_images(self) -> str:
        counts: dict[str, dict[str, str]] = {}
        for column in self.tests.values():
            size = f"{column.counts.reals} / {column.counts.fakes}"
            counts.setdefault(column.row, {})[column.name] = size
        return f"Test images (real / fake; {REST}): " + "; ".join(
            f"{row} {found[LEFT_OUT]} ({found.get(REST, 'none')})" for row, found in counts.items()
        )

    def _cautions(self) -> Iterator[str]:
        if self.study.synthetic:
            yield "The images are drawn by a program: nothing here is about real faces."
        pooled = {name: found for name, found in self.nuisances.items() if found > 0.505}
        if self.study.robust and pooled:  # the same images in every column
            pooled = {"Every column": max(pooled.values())}
        for name, found in pooled.items():
            yield (
                f"{name} pools groups with different shares of fakes: telling the groups "
                f"apart, and nothing else, would reach an AUC of {100 * found:.1f} there."
            )
        few = [
            name
            for name, one in self.tests.items()
            if min(one.counts.reals, one.counts.fakes) < FEW_IMAGES
        ]
        if few:
            which = "every column" if self.study.robust else ", ".join(few)
            yield f"Fewer than {FEW_IMAGES} images of a class: {which}."
        notes = [
            *((one.name, one.note) for one in self.experiments),
            *((name, one.note) for name, one in self.tests.items()),
        ]
        yield from (f"{name}: {note}." for name, note in sorted(set(notes)) if note)
        yield from (note + "." for note in self.study.protocol.notes)

    def _intervals(self) -> str:
        settings = self.study.evaluation
        return (
            f"Brackets, and the CSV file: {100 * settings.confidence:g} % interval of the mean "
            f"over other test images, from {settings.bootstrap} resamples of identities (videos "
            "or images where no identity is known); the spread says what other seeds do."
        )

    def _reals(self) -> str:
        options = self.study.protocol.options
        if options.reals == "all":
            kept = self.study.leaves and options.leave == "group"
            but = f"; those of the {LEFT_OUT} group only in the test of its fakes" if kept else ""
            return f"Reals: all of the split, in training and in each test{but}."
        if not self.study.grouped:
            return "Reals: all of the split, in training and in each test; the data name no groups."
        return (
            "Reals: those of the groups that the fakes are from, in training and in each test, so "
            "that real and fake went through one pipeline."
        )

    def _corruption(self) -> str:
        size = self.study.protocol.options.size
        place = "the images' own size" if size is None else f"{size} pixels, shorter side"
        return (
            f"Corrupted at {place}, before the resize to the detector's input; level 0 is not "
            "corrupted."
        )

    def _trained_on(self) -> Iterator[str]:
        """Which corruptions are none that a detector meets for the first time."""
        tested = self.study.protocol.options.corruptions
        by_met: dict[tuple[str, ...], list[str]] = {}
        for name in self.study.detectors:
            known = self.study.corrupted_with.get(name, ())
            by_met.setdefault(tuple(one for one in tested if one in known), []).append(name)
        if list(by_met) == [()]:
            yield "No detector was trained on images with these corruptions."
            return
        for met, names in by_met.items():
            if met:
                was = "was" if len(names) == 1 else "were"
                kinds = ", ".join(met)
                yield f"{', '.join(names)} {was} trained on images some of which had {kinds}."


def seeds_sentence(study: Study) -> str:
    """What the figures are over."""
    seeds = study.seeds
    what = "All figures" if study.leaves else "ACC and AUC"
    named = ", ".join(map(str, seeds))
    if len(seeds) == 1:
        return f"{what} in percent. One training a row (seed {named}), so no spread."
    return (
        f"{what} in percent: mean ± standard deviation over {len(seeds)} trainings (seeds {named})."
    )
