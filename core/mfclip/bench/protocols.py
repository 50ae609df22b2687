"""The paper's protocols as pure functions of a manifest: what is trained and what it is tested on.

Which experiments there are follows from the labels alone, so a protocol runs on any data set that
has them. The splits of the data are always kept: rows of the split ``train`` are learnt from, rows
of ``val`` *of the training selection* choose the epoch and the threshold, rows of ``test`` are
tested on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mfclip.bench.experiments import NAMES as NAMES
from mfclip.bench.experiments import PAPER as PAPER
from mfclip.bench.experiments import SEVEN as SEVEN
from mfclip.bench.experiments import TITLES as TITLES
from mfclip.bench.experiments import Column as Column
from mfclip.bench.experiments import Condition as Condition
from mfclip.bench.experiments import CorruptionLevel as CorruptionLevel
from mfclip.bench.experiments import Experiment as Experiment
from mfclip.bench.experiments import Name as Name
from mfclip.bench.experiments import Options as Options
from mfclip.bench.experiments import Protocol as Protocol
from mfclip.bench.left_out import left_out
from mfclip.bench.maker import Maker, listed
from mfclip.bench.naming import apart, full
from mfclip.bench.naming import slug_of as slug_of
from mfclip.data.manifest import NAMED_SPLITS
from mfclip.errors import DataError, UsageError
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest


def make_protocol(name: str, manifest: Manifest, options: Options | None = None) -> Protocol:
    """The experiments of a protocol on these data.

    Raises
    ------
    UsageError
        For a protocol or a training set that does not exist.
    DataError
        Where the labels do not allow the protocol: which column is empty, and what was found.
    """
    options = options or Options()
    if name not in NAMES:
        raise UsageError(f"no protocol '{name}'{did_you_mean(name, NAMES)}: {', '.join(NAMES)}")
    _require_splits(manifest)
    maker = Maker(manifest, options)
    found = {
        "within": maker.within,
        "cross-forgery": lambda: maker.crossed("forgery"),
        "cross-generator": maker.cross_generator,
        "cross-dataset": lambda: maker.crossed("group"),
        "leave-one-out": lambda: left_out(maker),
        "robustness": maker.robustness,
    }[name]()
    kind = next(known for known in NAMES if known == name)
    chosen, notes = _chosen(apart(found), options, maker.notes)
    return Protocol(name=kind, options=options, experiments=tuple(chosen), notes=tuple(notes))


def _chosen(
    experiments: Sequence[Experiment], options: Options, notes: Sequence[str]
) -> tuple[list[Experiment], list[str]]:
    """The experiments that were asked for and can be trained, and notes of what is left out."""
    names = list(dict.fromkeys(one.name for one in experiments))
    for name in options.train:
        if name not in names:
            on_offer = ", ".join(names)
            raise UsageError(f"no training set '{name}'{did_you_mean(name, names)}: {on_offer}")
    wanted = [one for one in experiments if not options.train or one.name in options.train]
    reasons = {full(one.block, one.name): _untrainable(one) for one in wanted}
    told = [*notes, *(f"not trained on {name}: {why}" for name, why in reasons.items() if why)]
    told = list(dict.fromkeys(told))
    usable = [one for one in wanted if not _untrainable(one) and one.columns]
    if not usable:
        raise DataError("\n".join(["nothing is left to train and test:", *told]))
    return usable, told


def _untrainable(experiment: Experiment) -> str:
    """Why an experiment cannot be trained; empty where it can."""
    splits = {"train": experiment.counts, "val": experiment.validation}
    absent = [f"no {found.lacks} images in the split {s}" for s, found in splits.items()]
    return "; ".join(
        text for text, found in zip(absent, splits.values(), strict=True) if found.lacks
    )


def _require_splits(manifest: Manifest) -> None:
    """Raise where a split is empty: nothing may be trained, chosen and tested on one another."""
    sizes: Counter[str] = Counter(row.split or "(none)" for row in manifest.rows)
    absent = [split for split in NAMED_SPLITS if not sizes[split]]
    if absent:
        raise DataError(
            f"the data have no images in the split {', '.join(absent)}; found: "
            f"{listed(sizes)}. Name the splits in the column `split`, or leave it empty in all "
            "rows to have them drawn"
        )
