"""Leave-one-out: trained on all fakes but one kind, tested on that kind and on the rest."""

from __future__ import annotations

from collections.abc import Sequence

from mfclip.bench.experiments import Column, Experiment
from mfclip.bench.maker import Maker, too_few
from mfclip.bench.naming import shown, slug
from mfclip.bench.selections import Where, pair
from mfclip.data.kind_folds import kind_of
from mfclip.errors import DataError

LEFT_OUT = "left out"
"""Column of the kind that was not trained on."""
REST = "the rest"
"""Column of the kinds that were."""
_LEARNT = ("train", "val")


def left_out(maker: Maker) -> list[Experiment]:
    """One experiment for each value of a column, and one for all that only the test split has.

    Raises :class:`DataError` where the column has less than two values.
    """
    level, fakes = maker.options.leave, maker.fakes()
    names = maker.values(level, fakes)
    if len(names) < 2:
        among = maker.options.among
        raise DataError(too_few(maker.tally, level, names, among, "leave one out"))
    unnamed = sum(n for k, n in fakes.items() if k.split == "train" and not kind_of(k, level))
    if unnamed and "" not in names:
        maker.notes.append(
            f"{unnamed} fakes of the split train have no `{level}`: they are trained on every "
            "time, and may be of the kind that is left out"
        )
    kinds = [Where(column=level, value=name) for name in names]
    learnt = _values(maker, kinds[0], _LEARNT)
    absent = [
        left
        for left in kinds
        if left.value not in learnt and _same_training(maker, (_but(left),), ())
    ]
    found = [_all_but(maker, left) for left in kinds if left not in absent]
    if absent:
        columns = [column for left in absent for column in _columns(maker, left)]
        found.append(maker.experiment(maker.whole, "", (), columns))
    return found


def _all_but(maker: Maker, left: Where) -> Experiment:
    """Without some fakes; it has no columns where these cannot be tested.

    Without one of two kinds it is the training on the other, as other protocols have it.
    """
    name = f"{maker.whole} but {shown(left.value)}"
    made = maker.experiment(name, "", (_but(left),), _columns(maker, left))
    others = _values(maker, left, _LEARNT) - {left.value}
    only = tuple(left.model_copy(update={"value": value}) for value in others)
    if len(only) == 1 and _same_training(maker, (_but(left),), only):
        return made.model_copy(update={"slug": slug(maker.narrowed(only))})
    return made


def _columns(maker: Maker, left: Where) -> list[Column]:
    """What there is to test, and a note of what there is not."""
    row = shown(left.value)
    out = maker.column(LEFT_OUT, (left,)).model_copy(update={"row": row})
    if out.counts.lacks:
        maker.notes.append(
            f"{row} is not left out: no {_lacking(out)} images to test it in the split test"
        )
        return []
    # Kinds that are in the test split alone are trained on no more than what is left out.
    unknown = _values(maker, left, ("test",)) - _values(maker, left, ("train",)) - {left.value}
    apart = [left.model_copy(update={"value": value}) for value in sorted(unknown)]
    rest = maker.column(REST, tuple(map(_but, (left, *apart))))
    if rest.counts.lacks:
        maker.notes.append(
            f"without {row}, not tested on {REST}: no {_lacking(rest)} images in the split test"
        )
        return [out]
    return [out, rest.model_copy(update={"row": row, "within": True})]


def _lacking(column: Column) -> str:
    """Without fakes there is no telling which reals go with them, so none are counted either."""
    return "real" if column.counts.fakes else "fake"


def _but(left: Where) -> Where:
    """The condition that keeps off what is left out."""
    return left.model_copy(update={"equal": False})


def _values(maker: Maker, left: Where, splits: Sequence[str]) -> set[str]:
    """What the column holds in some splits, the empty content among it."""
    return {kind_of(kind, left.column) for kind in maker.fakes() if kind.split in splits}


def _same_training(maker: Maker, one: Sequence[Where], other: Sequence[Where]) -> bool:
    """Whether two conditions for fakes lead to the same training and validation images."""
    first, second = (
        pair(maker.tally, maker.narrowed(fakes), maker.options.reals, _LEARNT)[0]
        for fakes in (one, other)
    )
    kinds = [kind for kind in maker.tally if kind.split in _LEARNT]
    return all(first.takes(kind) == second.takes(kind) for kind in kinds)
