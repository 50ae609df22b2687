"""A data set cropped once: the largest face of every picture as a PNG, and their manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.decoding import decode_batches, worker_count
from mfclip.data.images import ImageError
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.data.tables import write_table
from mfclip.errors import DataError
from mfclip.faces.finder import FaceFinder

MANIFEST, LEFT_OUT, IMAGES = "manifest.csv", "left-out.csv", "images"
"""Names inside the folder."""
SOURCE = "source"
"""Column of the manifest that names the picture a crop was cut out of."""
_TASK = 16
"""Pictures that are decoded at a time."""


class LeftOutRow(NamedTuple):
    """A picture without a crop."""

    row: Row
    error: ImageError


class Cropped(NamedTuple):
    """What became of a data set."""

    rows: tuple[Row, ...]
    """Of the crops, in the order of their pictures."""
    left_out: tuple[LeftOutRow, ...]
    """Pictures that cannot be read, show no face, or only small ones."""
    columns: tuple[str, ...]
    """Further columns of the data set that the new manifest does not have."""


def crop_faces(
    manifest: Manifest,
    finder: FaceFinder,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Cropped:
    """Write ``manifest.csv``, ``images/`` and ``left-out.csv`` into an empty folder.

    Crops are PNGs at the picture's own scale, so nothing is lost. Further columns are not taken
    over: a mask is of the whole picture and not of the crop. One is new, ``source``.

    Raises
    ------
    DataError
        Where not one picture shows a face.
    """
    (folder / IMAGES).mkdir()
    rows: list[Row] = []
    left_out: list[LeftOutRow] = []
    for number, (row, crop) in enumerate(_crops(manifest, finder, workers), 1):
        if isinstance(crop, ImageError):
            left_out.append(LeftOutRow(row, crop))
        else:
            path = Path(IMAGES, f"{number:07d}.png")
            _save(crop, folder / path)
            rows.append(replace(row, path=path, further=((SOURCE, _source(manifest, row)),)))
        if progress:
            progress(number, len(manifest))
    if not rows:
        first = f", such as {left_out[0].error}" if left_out else ""
        raise DataError(f"none of {len(manifest)} pictures shows a face that can be cropped{first}")
    write_manifest(Manifest(folder, tuple(rows)), folder / MANIFEST)
    write_table(
        folder / LEFT_OUT,
        ("path", "label", "status", "reason"),
        (
            (_source(manifest, row), row.label.label, str(error.status), error.reason)
            for row, error in left_out
        ),
    )
    columns = dict.fromkeys(name for row in manifest for name, _ in row.further)
    return Cropped(tuple(rows), tuple(left_out), tuple(columns))


def _crops(
    manifest: Manifest, finder: FaceFinder, workers: int | None
) -> Iterator[tuple[Row, UInt8[Tensor, "3 height width"] | ImageError]]:
    """Each row with its crop, or with why there is none."""
    tasks: list[Sequence[Row]] = [
        manifest.rows[start : start + _TASK] for start in range(0, len(manifest), _TASK)
    ]
    files = ([manifest.file(row) for row in rows] for rows in tasks)
    count = worker_count(workers, len(tasks))
    with closing(decode_batches(files, workers=count, finder=finder)) as stream:
        for rows, decoded in zip(tasks, stream, strict=True):
            images = iter(decoded.images())
            for place, row in enumerate(rows):
                yield row, decoded.failures.get(place) or next(images)


def _save(crop: UInt8[Tensor, "3 height width"], file: Path) -> None:
    from PIL import Image

    Image.fromarray(crop.movedim(0, -1).contiguous().numpy()).save(file)


def _source(manifest: Manifest, row: Row) -> str:
    return manifest.file(row).absolute().as_posix()
