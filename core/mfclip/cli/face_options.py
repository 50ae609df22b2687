"""Options about faces that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mfclip.recipe.settings import FacesSettings

Faces = Annotated[
    bool | None,
    typer.Option(
        "--faces/--no-faces",
        help="Find the faces of each picture, or take pictures for crops. "
        "Default: as the bundle was trained.",
    ),
]
FaceSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--face-set",
        metavar="KEY=VALUE",
        help="How --faces finds and crops, e.g. margin=0.3; keys of [preprocessing.faces].",
    ),
]


def face_choice(
    asked: bool | None, settings: list[str] | None, registry: str | None
) -> FacesSettings | bool | None:
    """What the options say of faces, for :func:`mfclip.load`."""
    from mfclip.errors import UsageError
    from mfclip.recipe.faces import read_faces
    from mfclip.recipe.registry import read_registry

    if not settings:
        return asked
    if not asked:
        raise UsageError("--face-set says how faces are found; it goes with --faces")
    return read_faces(settings, read_registry(Path(registry) if registry else None))
