"""``mfclip data check|stats|import``: what is wrong with data, what is in them, and manifests."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from mfclip.cli.evaluate import read_data as read_any
from mfclip.cli.face_options import FaceSettings
from mfclip.cli.options import Registry

if TYPE_CHECKING:
    from mfclip.cli.console import ConsoleEvents
    from mfclip.data.manifest import Manifest, Split
    from mfclip.parts import Dataset, Part

Target = Annotated[
    Path,
    typer.Argument(help="A recipe (.toml), a manifest, a folder with one, or real/ and fake/."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def check(
    target: Target,
    as_json: AsJson = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Decode no image: no brightness, no near-duplicates.")
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Read so many of the files.  [default: all]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="With --sample: of the draw.")] = 0,
    registry: Registry = None,
) -> None:
    """Say everything that is wrong with data, and what to do; exit code 5 on errors.

    Missing and broken files, identities and videos in two splits, duplicates and near-duplicates
    across splits and labels, and the AUC that each property of the files alone would reach. Of very
    many files --sample reads some, drawn from --seed, and says how many of how many; the rows are
    checked all the same.
    """
    from mfclip.cli.console import ConsoleEvents
    from mfclip.data.audit import audit
    from mfclip.errors import DataError

    with ConsoleEvents() as events, _plain_warnings():
        manifest, wanted = _wanted(target, registry, events)
        events.stage("Checking the data")
        found = audit(
            manifest, progress=events.step, looks=not quick, sample=sample, seed=seed, **wanted
        )
        if not as_json:
            events.audit(found)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    if found.errors:
        raise typer.Exit(DataError.exit_code)


def stats(target: Target, as_json: AsJson = False, registry: Registry = None) -> None:
    """Count the images by split, label, forgery, generator and group, and by format and size."""
    from mfclip.cli.console import ConsoleEvents
    from mfclip.data.stats import count_files, count_rows

    with ConsoleEvents() as events, _plain_warnings():
        manifest, _ = _wanted(target, registry, events)
        events.stage("Reading the files")
        tables = (count_rows(manifest), count_files(manifest, events.step))
    if as_json:
        typer.echo(json.dumps({table.name: table.as_dicts() for table in tables}, indent=2))
        return
    for table in tables:
        typer.echo(f"{table.as_text()}\n")


def import_(
    kind: Annotated[str, typer.Argument(help="Name of the reader, e.g. ffpp; see mfclip parts.")],
    out: Annotated[
        Path,
        typer.Option("--out", help="The manifest: .csv or .parquet; with --faces, a folder."),
    ],
    root: Annotated[
        Path | None, typer.Argument(help="Folder of the data set, for readers with `root`.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of the reader, e.g. compression=c23."
        ),
    ] = None,
    faces: Annotated[
        bool, typer.Option("--faces", help="Crop every picture to its largest face, once.")
    ] = False,
    face_settings: FaceSettings = None,
    registry: Registry = None,
) -> None:
    """Read a data set into a manifest; frames of video files are extracted once, into a cache.

    An existing manifest is replaced when the new one is complete. With --faces, so is a folder of
    crops with its manifest.csv; pictures without a face are listed in left-out.csv, and the command
    ends with exit code 9.
    """
    from mfclip.building.reading import list_images, prepare
    from mfclip.cli.console import ConsoleEvents
    from mfclip.cli.data_faces import check_folder, finder_for, tell, write_crops
    from mfclip.data.manifest import write_manifest
    from mfclip.errors import UsageError
    from mfclip.locks import holding
    from mfclip.parts import BuildContext

    if face_settings and not faces:
        raise UsageError("--face-set says how faces are cropped; it goes with --faces")
    part = _reader(kind, root, settings or [], registry)
    finder = finder_for(face_settings or [], registry) if faces else None
    if finder:
        check_folder(out)
    with holding(out):
        with ConsoleEvents() as events, _plain_warnings():
            context = BuildContext(progress=events.step)
            events.stage("Preparing the data set")
            prepare(part, context)
            events.stage("Listing the images")
            manifest = list_images(part, context)
            cropped = write_crops(manifest, finder, out, events) if finder else None
        if cropped:
            tell(cropped, out)
            return
        manifest = _seen_from(manifest, out.resolve().parent)
        write_manifest(manifest, out)
    videos = len({row.video for row in manifest if row.video})
    of = f" of {videos} videos" if videos else ""
    typer.echo(f"wrote {out}: {len(manifest)} images{of}; next: mfclip data check {out}")


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """What readers remark, each once and without the line of code that it comes from."""
    told: set[str] = set()

    def show(message: Warning | str, *place: Any, **more: Any) -> None:
        if str(message) not in told:
            told.add(str(message))
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


class _Wanted(TypedDict, total=False):
    """What the check is told of the use that the data are for."""

    splits: Sequence[Split]
    """Those that must be there."""
    smallest: int
    reencode: str | None


def _wanted(target: Path, registry: str | None, events: ConsoleEvents) -> tuple[Manifest, _Wanted]:
    """The data, and what is asked of them: by a recipe, else by the splits that they name."""
    events.stage("Reading the data")
    if target.suffix.lower() == ".toml":
        return _of_recipe(target, registry, events)
    manifest = read_any(target, registry)
    named = {row.split for row in manifest}
    return manifest, {"splits": [name for name in ("train", "val", "test") if name in named]}


def _of_recipe(file: Path, registry: str | None, events: ConsoleEvents) -> tuple[Manifest, _Wanted]:
    """The data of a recipe, split as a build splits them."""
    from mfclip.building.reading import read_data
    from mfclip.recipe.read import read_recipe
    from mfclip.recipe.registry import plugins_for, read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    recipe = read_recipe(file, plugins=plugins_for(catalogue), registry=catalogue)
    manifest = read_data(recipe, events.step)
    reencode = recipe.data.reencode if recipe.data else None
    return manifest, {"smallest": recipe.preprocessing.smallest, "reencode": reencode}


def _reader(kind: str, root: Path | None, settings: Sequence[str], registry: str | None) -> Dataset:
    """The part, checked as the ``[data]`` of a recipe is."""
    from mfclip.recipe.read import read_recipe_text
    from mfclip.recipe.registry import plugins_for, read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    plugins = plugins_for(catalogue)
    offer = plugins.get("dataset", kind)
    if offer is not None:  # else reading the recipe tells which there are
        _check_root(offer.schema, root, settings)
    lines = [f"use = {_quoted(kind)}"] + ([] if root is None else [f"root = {_quoted(root)}"])
    recipe = read_recipe_text(
        "\n".join(['name = "import"', 'assembly = "mfclip"', "[data]", *lines]),
        "import",
        overrides=[f"data.{setting}" for setting in settings],
        plugins=plugins,
        registry=catalogue,
    )
    assert recipe.data is not None
    return recipe.data


def _check_root(schema: type[Part], root: Path | None, settings: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a folder that the reader does not take, or lacks."""
    from mfclip.errors import UsageError

    name = schema.model_fields["use"].default
    field = schema.model_fields.get("root")
    by_setting = any(setting.partition("=")[0].strip() == "root" for setting in settings)
    if field is None and root is not None:
        others = ", ".join(key for key in schema.model_fields if key != "use")
        raise UsageError(
            f"'{name}' takes no folder, got '{root}': leave it out, and say where the data are "
            f"with --set KEY=VALUE; settings of '{name}': {others}"
        )
    if root is not None and by_setting:
        raise UsageError(f"the folder of '{name}' is given twice, as '{root}' and by --set root=")
    if field is not None and field.is_required() and root is None and not by_setting:
        raise UsageError(f"'{name}' needs its folder: mfclip data import {name} FOLDER --out FILE")


def _quoted(value: str | Path) -> str:
    """A TOML string; a folder from the working directory on."""
    text = str(value.absolute()) if isinstance(value, Path) else value
    return json.dumps(text, ensure_ascii=False)


def _seen_from(manifest: Manifest, folder: Path) -> Manifest:
    """The same images with paths relative to a folder above them, else absolute.

    So are the files that further columns name.
    """
    from dataclasses import replace

    def seen(path: Path | str) -> Path:
        file = (manifest.root / path).absolute()
        return file.relative_to(folder) if file.is_relative_to(folder) else file

    rows = []
    for row in manifest:
        further = tuple(
            (name, seen(cell).as_posix() if cell and (manifest.root / cell).is_file() else cell)
            for name, cell in row.further
        )
        rows.append(replace(row, path=seen(row.path), further=further))
    return replace(manifest, root=folder, rows=tuple(rows))


def data_tree() -> typer.Typer:
    """The commands below ``mfclip data``."""
    app = typer.Typer(
        help="Check data, count them, and read data sets into manifests.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("check")(check)
    app.command("stats")(stats)
    app.command("import")(import_)
    return app
