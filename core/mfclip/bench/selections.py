"""Which images a training or a column of a table is made of: some fakes, and reals to go with them.

A selection is data and not code, so that a record can hold it and somebody else can apply it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from mfclip.data.kind_folds import COLUMNS, Column, kind_of
from mfclip.data.kinds import reals_and_fakes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mfclip.data.kinds import Kind, Takes, Tally
    from mfclip.data.manifest import Row
    from mfclip.metrics.scores import ScoreTable

Level = Column
"""A column of the manifest by which fakes are told apart."""
LEVELS = COLUMNS
KINDS: dict[Level, str] = {
    "forgery": "forgery type",
    "family": "family",
    "generator": "generator",
    "group": "group",
}
"""What the columns hold, in words."""
Reals = Literal["same-group", "all"]
"""Which reals go with some fakes: those of the fakes' own groups, or all there are."""


class Frozen(BaseModel):
    """Base of what a record holds: written as JSON and read back equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Where(Frozen):
    """One condition: a column has a value, or any other content than this value."""

    column: Level
    """Column of the manifest."""
    value: str
    """Its content, letter by letter."""
    equal: bool = True
    """False: any other content meets the condition, the empty one too."""

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``equal`` where it is true.

        The text of a selection seeds its resamples: those of records without this key stay.
        """
        return {k: v for k, v in handler(self).items() if k != "equal" or not v}

    def holds(self, row: Row | Kind) -> bool:
        """Whether a row meets the condition."""
        return (kind_of(row, self.column) == self.value) == self.equal

    @property
    def words(self) -> str:
        """``FLUX.1``, or ``without FLUX.1``."""
        return self.value if self.equal else f"without {self.value or '(unnamed)'}"


class Selection(Frozen):
    """Some fakes and the reals they are compared with."""

    fakes: tuple[Where, ...] = ()
    """Conditions that all hold for the fakes; none: every fake."""
    groups: tuple[str, ...] | None = None
    """Groups that the reals are from; None: every real."""

    def takes_fake(self, row: Row | Kind) -> bool:
        """Whether a row is a fake of this selection."""
        return row.is_fake and all(where.holds(row) for where in self.fakes)

    def takes(self, row: Row | Kind) -> bool:
        """Whether a row belongs to this selection."""
        if row.is_fake:
            return self.takes_fake(row)
        return self.groups is None or row.group in self.groups

    def mask(self, table: ScoreTable) -> NDArray[np.bool_]:
        """For each row of a table of scores, whether it belongs to this selection."""
        import numpy as np

        fakes = table.is_fake.copy()
        for where in self.fakes:
            fakes &= (getattr(table, where.column) == where.value) == where.equal
        if self.groups is None:
            return np.asarray(fakes | ~table.is_fake)
        return np.asarray(fakes | (~table.is_fake & np.isin(table.group, self.groups)))


class Counts(Frozen):
    """Images of a selection in one split."""

    reals: int = 0
    """Real ones."""
    fakes: int = 0
    """Fake ones."""

    @property
    def lacks(self) -> str:
        """``real``, ``fake``, ``real and fake``, or nothing."""
        absent = [name for name, n in (("real", self.reals), ("fake", self.fakes)) if not n]
        return " and ".join(absent)


def count(tally: Tally, takes: Takes) -> Counts:
    """Count the rows that a predicate takes."""
    reals, fakes = reals_and_fakes(tally, takes)
    return Counts(reals=reals, fakes=fakes)


def pair(
    tally: Tally, fakes: Sequence[Where], reals: Reals, splits: Sequence[str]
) -> tuple[Selection, str]:
    """Fakes with their reals, and what to beware of, in words; usually nothing.

    With ``same-group``, the reals are those of the groups in which the fakes occur in ``splits``.
    Real and fake then went through the same pipeline, so that a detector gains nothing by telling
    the pipelines apart. Fakes whose groups have no reals at all are compared with every real.

    Where the fakes may not be of a group, its reals do not go with them either, whatever ``reals``
    says.
    """
    barred = {where.value for where in fakes if where.column == "group" and not where.equal}
    every = Selection(fakes=tuple(fakes), groups=_groups_but(tally, barred))
    kinds = [kind for kind in tally if kind.split in splits]
    groups = sorted({kind.group for kind in kinds if every.takes_fake(kind)})
    if reals == "all" or not any(kind.group for kind in tally):
        return every, ""
    known = {kind.group for kind in kinds if not kind.is_fake}
    lacking = [group or "(unnamed)" for group in groups if group not in known]
    if lacking and len(lacking) == len(groups):
        return every, (
            f"no reals in {', '.join(lacking)}: compared with the reals of all "
            f"{'other groups' if barred else 'groups'}, so the figures mix forgery with any other "
            "difference between the groups"
        )
    note = f"no reals in {', '.join(lacking)}: its fakes face the reals of other groups"
    return Selection(fakes=tuple(fakes), groups=tuple(groups)), note if lacking else ""


def _groups_but(tally: Tally, barred: Collection[str]) -> tuple[str, ...] | None:
    """The groups of all reals but these; None where all may be taken."""
    if not barred:
        return None
    return tuple(sorted({kind.group for kind in tally if not kind.is_fake} - set(barred)))
