"""``mfclip data import --faces``: a data set cropped to its faces, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mfclip.cli.console import ConsoleEvents
    from mfclip.data.cropping import Cropped
    from mfclip.data.manifest import Manifest
    from mfclip.faces.finder import FaceFinder


def finder_for(settings: Sequence[str], registry: str | None) -> FaceFinder:
    """What finds faces by the options of the command; what is wrong with them is told at once."""
    from mfclip.parts import BuildContext
    from mfclip.recipe.faces import read_faces
    from mfclip.recipe.registry import read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    return read_faces(settings, catalogue).finder(BuildContext())


def check_folder(out: Path) -> None:
    """Raise :class:`UsageError` where the folder holds anything but an earlier import."""
    from mfclip.data.cropping import IMAGES, LEFT_OUT, MANIFEST
    from mfclip.errors import UsageError

    if out.is_file() or out.suffix.lower() in (".csv", ".parquet"):
        raise UsageError(
            f"with --faces, --out is a folder for crops and their manifest, got '{out}'"
        )
    foreign = sorted({path.name for path in out.glob("*")} - {MANIFEST, LEFT_OUT, IMAGES})
    if foreign:
        raise UsageError(
            f"{out} holds {foreign[0]!r}, which is not of an earlier import and would be lost; "
            "choose another folder or move it away"
        )


def write_crops(
    manifest: Manifest, finder: FaceFinder, out: Path, events: ConsoleEvents
) -> Cropped:
    """Crop every picture into the folder, which appears when it is complete."""
    from mfclip.data.cropping import crop_faces
    from mfclip.files import replace_folder

    events.stage("Cropping to faces")
    with replace_folder(out) as staged:
        return crop_faces(manifest, finder, staged, progress=events.step)


def tell(cropped: Cropped, out: Path) -> None:
    """Say what there is; pictures without a crop make the exit code tell of it."""
    from mfclip.data.cropping import LEFT_OUT, MANIFEST
    from mfclip.errors import SomeFilesFailed

    if cropped.columns:
        names = ", ".join(cropped.columns)
        typer.echo(
            f"left out the columns {names}: what they say is of the whole pictures", err=True
        )
    file = out / MANIFEST
    typer.echo(f"wrote {file}: {len(cropped.rows)} faces; next: mfclip data check {file}")
    if not cropped.left_out:
        return
    total = Counter(row.label.label for row in cropped.rows)
    lost = Counter(one.row.label.label for one in cropped.left_out)
    shares = " and ".join(
        f"{lost[label]} of {lost[label] + total[label]} {label}" for label in ("real", "fake")
    )
    raise SomeFilesFailed(
        f"{shares} pictures show no face that could be cropped; see {out / LEFT_OUT}"
    )
