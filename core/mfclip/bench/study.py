"""What the tables of a benchmark are of."""

from __future__ import annotations

from pydantic import Field

from mfclip.bench.experiments import TITLES, Options, Protocol
from mfclip.bench.naming import slug_of
from mfclip.bench.selections import KINDS, Frozen
from mfclip.recipe.settings import EvaluationSettings


class Study(Frozen):
    """What the tables are of. With the scores, all that is needed to make them again."""

    title: str = ""
    """Of the ablation whose variants the detectors are; empty for others."""
    protocol: Protocol
    """What was trained and tested."""
    detectors: tuple[str, ...]
    """Names, in the order of the rows."""
    seeds: tuple[int, ...]
    """Of the trainings."""
    evaluation: EvaluationSettings
    """How intervals are computed."""
    grouped: bool
    """Whether the data name groups."""
    synthetic: bool
    """Whether the images were drawn by a program."""
    corrupted_with: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Of each detector the corruptions that its training images were changed by, if any."""

    @property
    def slug(self) -> str:
        """As a folder's name: different tables of one grid have different ones."""
        inside = self.protocol.options.inside
        crossed = self.protocol.name == "cross-generator" and inside != Options().inside
        words = ["inside", *(inside or ["all"])] if crossed else []
        if self.leaves and self.protocol.options.leave != Options().leave:
            words.append(self.protocol.options.leave)
        if self.protocol.options.among:
            words += ["among", *(where.words for where in self.protocol.options.among)]
        return slug_of(" ".join([self.protocol.name, *words, self.title]))

    @property
    def heading(self) -> str:
        """In words."""
        name = TITLES[self.protocol.name]
        if self.leaves:
            name += f" by {KINDS[self.protocol.options.leave]}"
        if self.protocol.options.among:
            name += f" ({' '.join(where.words for where in self.protocol.options.among)})"
        return f"{self.title}: {name[0].lower()}{name[1:]}" if self.title else name

    @property
    def robust(self) -> bool:
        """Whether its columns are levels of corruptions."""
        return self.protocol.name == "robustness"

    @property
    def leaves(self) -> bool:
        """Whether its rows are what was left out of a training."""
        return self.protocol.name == "leave-one-out"
