"""What a protocol is: options, experiments and their columns, as a record holds them.

A protocol is a set of experiments. An experiment trains on one selection of images and tests on
several, its columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field

from mfclip.bench.selections import Counts, Frozen, Level, Reals, Selection, Where
from mfclip.data.kinds import Kinds

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest

Name = Literal[
    "within", "cross-forgery", "cross-generator", "cross-dataset", "leave-one-out", "robustness"
]
"""The protocols on offer."""
NAMES: tuple[Name, ...] = get_args(Name)
SEVEN = ("saturation", "contrast", "block", "noise", "blur", "pixelation", "video-compression")
"""The corruptions of Fig. 7."""
TITLES: dict[Name, str] = {
    "within": "Within the data set",
    "cross-forgery": "Cross-forgery generalisation",
    "cross-generator": "Cross-generator generalisation",
    "cross-dataset": "Cross-dataset generalisation",
    "leave-one-out": "Leave-one-out generalisation",
    "robustness": "Robustness to corruptions",
}
PAPER: dict[Name, str] = {
    "within": "",
    "cross-forgery": "Table I",
    "cross-generator": "Tables II to IV",
    "cross-dataset": "Table V",
    "leave-one-out": "",
    "robustness": "Fig. 7",
}
"""Where the paper has the like."""


CorruptionLevel = Annotated[int, Field(ge=1, le=5)]


class Options(Frozen):
    """What a protocol can be told. The defaults are the paper's, but for the reals."""

    reals: Reals = "same-group"
    """Which reals go with some fakes. GenFace has no groups, so there both are the same."""
    inside: tuple[Level, ...] = ("forgery",)
    """cross-generator: generators are crossed with those that share these columns. ``forgery``
    gives Tables II and IV, ``family`` gives Table III; none crosses all of them."""
    leave: Level = "generator"
    """leave-one-out: each value of this column is left out once."""
    among: tuple[Where, ...] = ()
    """Only fakes with these labels take part, with their reals; none: all of them."""
    train: tuple[str, ...] = ()
    """Training sets to use; none: every one. The paper's Table V trains on FF++ only."""
    corruptions: tuple[str, ...] = Field(default=SEVEN, min_length=1)
    """robustness: parts of the kind ``corruption``."""
    levels: tuple[CorruptionLevel, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)
    """robustness: of each corruption, 1 to 5; level 0, uncorrupted, is always there."""
    size: int | None = Field(default=None, ge=1)
    """robustness: pixels of the shorter side at which images are corrupted; None: their own."""


class Condition(Frozen):
    """What is done to test images before a detector sees them."""

    corruption: str
    """Name of a part; ``none`` at level 0."""
    level: int
    """1 to 5; 0 only brings the image to the size at which others are corrupted."""

    @property
    def slug(self) -> str:
        """As part of a file's name."""
        return f"{self.corruption}-{self.level}"


class Column(Frozen):
    """One test of an experiment: one figure for each detector and seed."""

    name: str
    """Head of the column."""
    selection: Selection
    """Which rows of the test split."""
    condition: Condition | None = None
    """None: the images as they are."""
    within: bool = False
    """Whether these are the kind of fakes that were trained on."""
    row: str = ""
    """Row of the table, where it is not the experiment's name."""
    counts: Counts = Counts()
    """Test images."""
    note: str = ""
    """What to beware of."""


class Experiment(Frozen):
    """One training set and what is tested after training on it."""

    name: str
    """Of the training set, as tables show it."""
    block: str
    """Experiments of one block share a table."""
    slug: str
    """As part of a file's name. The same training set has the same slug in every protocol."""
    train: Selection
    """Rows of the splits train and val."""
    columns: tuple[Column, ...]
    counts: Counts = Counts()
    """Training images."""
    validation: Counts = Counts()
    """Images that the epoch and the threshold are chosen on."""
    note: str = ""
    """What to beware of."""

    def tested(self, test: Manifest, condition: Condition | None) -> Manifest:
        """The rows of a test split that are scored: corrupted only those that a column takes."""
        if condition is None:
            return test
        taken = [column.selection for column in self.columns if column.condition == condition]
        return Kinds.of(test).only(lambda kind: any(one.takes(kind) for one in taken))


class Protocol(Frozen):
    """Everything that is to be trained and tested."""

    name: Name
    options: Options
    experiments: tuple[Experiment, ...]
    notes: tuple[str, ...] = ()
    """What the data do not allow, and was left out."""
