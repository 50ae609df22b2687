"""``mfclip explain``: what detectors look at in images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfclip.cli.evaluate import Split, choose_split, read_data
from mfclip.cli.face_options import Faces, FaceSettings, face_choice
from mfclip.cli.options import Device, Precision, Registry
from mfclip.cli.score_films import Frames, Rate

if TYPE_CHECKING:
    from mfclip.data.left_out import LeftOut
    from mfclip.explain.attribution import Method
    from mfclip.explain.run import Outcome


class Maps(StrEnum):
    """Ways to make heat maps; an enum, because typer knows no lists of literals."""

    OCCLUSION = "occlusion"
    INTEGRATED_GRADIENTS = "integrated-gradients"
    GRAD_CAM = "grad-cam"
    NONE = "none"


class Plane(StrEnum):
    """Ways to draw embeddings."""

    PCA = "pca"
    TSNE = "tsne"


def explain(
    bundle: Annotated[Path, typer.Argument(help="Folder that mfclip-build wrote.")],
    images: Annotated[list[str], typer.Argument(help="Images, films, folders and globs.")],
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="BUNDLE", help="A detector to show beside it; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the page and its files.")] = Path(
        "explanation"
    ),
    method: Annotated[
        list[Maps] | None,
        typer.Option("--method", help="Of the heat maps; repeatable. Default: occlusion."),
    ] = None,
    baseline: Annotated[
        Literal["mean", "blur", "black"],
        typer.Option("--baseline", help="What is put in place of pixels."),
    ] = "mean",
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Occlusion: side of the square. Default: a fifth of the image."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled images, for truth, matrices and embeddings."),
    ] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Of --data. Default: test where it names any.")
    ] = None,
    projection: Annotated[
        list[Plane] | None,
        typer.Option("--projection", help="Of the embeddings; repeatable. Default: pca."),
    ] = None,
    faces: Faces = None,
    face_settings: FaceSettings = None,
    frames: Frames = None,
    rate: Rate = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a folder holds anything else.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 24,
    workers: Annotated[int | None, typer.Option(min=0, help="Decoding processes.")] = None,
    device: Device = "auto",
    precision: Precision = None,
    registry: Registry = None,
) -> None:
    """Show what detectors look at: patches and noise, heat maps, similarities, embeddings.

    Of a picture whose faces are found the largest is shown. Of a film, the frames of the highest
    scores are shown, as the first detector has them.

    Files that cannot be read, or show nothing, are listed on the page and the run goes on; then
    the command ends with exit code 9 and says how many there were.
    """
    from mfclip.data.film_names import is_film
    from mfclip.data.finding import find_images, require_all
    from mfclip.data.left_out import LeftOut
    from mfclip.explain.attribution import MapSettings
    from mfclip.explain.detectors import load_all
    from mfclip.explain.run import PAGE, ExplainSettings
    from mfclip.explain.run import explain as write
    from mfclip.inference.films import plan_of

    if strict:
        require_all(images, films=True)
    left_out = LeftOut()
    settings = ExplainSettings(
        methods=_methods(method),
        maps=MapSettings(baseline=baseline, window=window, passes=batch_size),
        projections=tuple(one.value for one in dict.fromkeys(projection or [Plane.PCA])),
        batch_size=batch_size,
        workers=workers,
    )
    manifest = choose_split(read_data(data, registry), split, data) if data else None
    detectors = load_all(
        [bundle, *(others or [])],
        device=device,
        precision=precision,
        registry=registry,
        faces=face_choice(faces, face_settings, registry),
    )
    for one in detectors:
        typer.echo(f"{one.name}: {one.judge.arithmetic}", err=True)
    found = list(find_images(images, left_out, films=True))
    films = [path for path in found if is_film(path)]
    stills = [path for path in found if path not in set(films)]
    plan = plan_of(frames, rate)
    outcome = write(detectors, stills, out, settings, data=manifest, films=films, plan=plan)
    _tell(outcome, out / PAGE, left_out)


def _methods(named: list[Maps] | None) -> tuple[Method, ...]:
    """In the order of the page, whatever the order of the options."""
    from mfclip.errors import UsageError
    from mfclip.explain.attribution import METHODS

    asked = set(named or [Maps.OCCLUSION])
    if Maps.NONE in asked and len(asked) > 1:
        raise UsageError("--method none goes with no other method")
    return tuple(one for one in METHODS if one in asked)


def _tell(outcome: Outcome, page: Path, left_out: LeftOut) -> None:
    from mfclip.errors import SomeFilesFailed

    typer.echo(f"wrote {page}", err=True)
    if left_out:
        typer.echo(f"left out: {left_out} (no images, no films)", err=True)
    if outcome.failed:
        raise SomeFilesFailed(
            f"{outcome.failed} of {outcome.images} files could not be explained; "
            "the page lists them"
        )
