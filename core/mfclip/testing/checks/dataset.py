"""Checks of data sets."""

from __future__ import annotations

from mfclip.data.labels import LABELS
from mfclip.data.manifest import Manifest
from mfclip.errors import in_one_line
from mfclip.parts import Dataset
from mfclip.testing.faults import Fault
from mfclip.testing.subject import Subject


def lists_images(subject: Subject) -> None:
    """It builds a manifest of at least one row; labels are real or fake, and every file exists."""
    manifest = _manifest(subject)
    if not len(manifest):
        raise Fault("the manifest has no rows", advice="raise mfclip.errors.DataError instead")
    wrong = [row for row in manifest if row.label.label not in LABELS]
    if wrong:
        raise Fault(
            f"{len(wrong)} rows have another label than real or fake",
            received=repr(wrong[0].label.label),
        )
    absent = [file for file in manifest.files() if not file.is_file()]
    if absent:
        raise Fault(
            f"{len(absent)} of {len(manifest)} files do not exist",
            received=str(absent[0]),
            expected="paths relative to the manifest's root, or absolute ones",
        )


def lists_the_same(subject: Subject) -> None:
    """Built again, it lists the same rows in the same order: seeds and resumed runs need that."""
    first, second = _manifest(subject), subject.build(seed=1)
    if first.rows == second.rows:
        return
    pairs = zip(first, second, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
    raise Fault(
        "two builds list different rows",
        received=f"{len(second)} rows, the first difference in row {place}",
        expected=f"the same {len(first)} rows in the same order",
        advice="sort what the file system lists",
    )


def shares_checked(subject: Subject) -> None:
    """Shares of the split that do not sum to one are still refused by `misfits`."""
    part = subject.part.model_copy(update={"split": (0.5, 0.1, 0.1)})
    try:
        found = [misfit.field for misfit in part.misfits(subject.context)]
    except Exception as error:
        raise Fault("misfits raised", received=in_one_line(error)) from error
    if "split" not in found:
        raise Fault(
            "misfits does not refuse split = [0.5, 0.1, 0.1]",
            expected=f"what {Dataset.__name__}.misfits says",
            advice="begin your misfits with `yield from super().misfits(context)`",
        )


def _manifest(subject: Subject) -> Manifest:
    manifest = subject.built
    if isinstance(manifest, Manifest):
        return manifest
    raise Fault(
        "build() gave no manifest",
        received=f"a value of type {type(manifest).__name__}",
        expected="an mfclip.data.manifest.Manifest",
    )
