"""What a report is made from: plain values, arrays and text. Everything but the title may lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict

from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from mfclip.metrics.kinds_left_out import Choice
from mfclip.metrics.results import Evaluation
from mfclip.metrics.scores import ScoreTable

Section = Literal["results", "curves", "training", "similarity", "samples", "data", "recipe"]


class EpochFigures(TypedDict):
    """One epoch of training."""

    epoch: int
    """From 1."""
    lr: float
    losses: Mapping[str, float]
    """Mean of each unweighted term."""
    total: float
    """Mean of the weighted sum."""
    val_auc: float
    """0-1."""
    val_loss: float


class FindingLike(Protocol):
    """One finding of the data check."""

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``."""

    @property
    def message(self) -> str:
        """What was found."""

    @property
    def advice(self) -> str:
        """What to do."""

    @property
    def examples(self) -> Sequence[str]:
        """A few of the files concerned."""


class PartLike(Protocol):
    """What one part of the detector costs."""

    @property
    def path(self) -> str:
        """Where it sits in the recipe."""

    @property
    def parameters(self) -> int:
        """All of them, with those of the parts inside."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""

    @property
    def per(self) -> str:
        """What the MACs are for, ``image`` or ``step``."""


@dataclass(frozen=True)
class SimilarityMatrix:
    """Cosine similarities of one batch of pairs, ordered so that equal labels are neighbours."""

    cosine: Float[NDArray[Any], "n n"]
    """Row: visual embedding, column: text embedding."""
    labels: Sequence[str]
    """Name of each pair's prompt, e.g. its generator."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One scored image. Pictures are uint8 (or float 0-1), (H, W), (H, W, 1) or (H, W, 3)."""

    name: str
    image: ArrayLike
    p_fake: float
    is_fake: bool
    group: str = ""
    generator: str = ""
    box: tuple[float, float, float, float] | None = None
    """The richest patch: left, top, right, bottom, pixels of ``image``."""
    patch: ArrayLike | None = None
    """Its pixels."""
    noise: ArrayLike | None = None
    """Its filter residual, scaled for display."""
    maps: Mapping[str, ArrayLike] = field(default_factory=dict)
    """Maps of the detector's own over the image, by the output's name."""


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything a report may show. What is left out is left out of the page, with a word why."""

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was trained, on what, when: shown as a list at the top."""
    synthetic: bool = False
    """The images were drawn by a program: the page says so before any figure."""
    subject: str = "the test split"
    """What was evaluated, as the captions name it."""
    evaluation: Evaluation | None = None
    """Of the subject."""
    scores: ScoreTable | None = None
    """The same images' scores, for the curves."""
    validation: Evaluation | None = None
    """Of the validation split, on which the operating points were fitted, unless by kinds left
    out."""
    choice: Choice | None = None
    """What was chosen by kinds left out."""
    left_out: Evaluation | None = None
    """Of the validation images by detectors that never saw their kind, on which the operating
    points were fitted then."""
    history: Sequence[EpochFigures] = ()
    best_epoch: int | None = None
    """The epoch whose weights the detector holds."""
    similarity: SimilarityMatrix | None = None
    samples: Sequence[Sample] = ()
    findings: Sequence[FindingLike] | None = None
    """Of the data check; empty: it found nothing. None: there was none."""
    recipe: str = ""
    """With every default filled in, TOML."""
    parts: Sequence[PartLike] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    timing: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[Section, str] = field(default_factory=dict)
    """Why a section is missing, where the report cannot know it."""
