"""``mfclip evaluate``: a bundle on data it has not seen."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfclip.cli.options import Device, Precision, Registry, Runtime

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.inference.loaded import LoadedDetector
    from mfclip.metrics.results import Evaluation
    from mfclip.metrics.scores import ScoreTable

Split = Literal["all", "train", "val", "test"]


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder that mfclip-build wrote.")],
    data: Annotated[
        Path,
        typer.Option("--data", help="A manifest, a folder with manifest.csv, or real/ and fake/."),
    ],
    split: Annotated[
        Split | None, typer.Option("--split", help="Default: test where the data name splits.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for scores, figures and a report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 24,
    workers: Annotated[int | None, typer.Option(min=0, help="Decoding processes.")] = None,
    device: Device = "auto",
    precision: Precision = None,
    runtime: Runtime = "auto",
    registry: Registry = None,
) -> None:
    """Measure a detector on labelled images, at the threshold stored in its bundle.

    Nothing is fitted on these data.
    """
    from mfclip.compute.allocator import keep_freed_memory
    from mfclip.evaluation.markdown import render
    from mfclip.inference.loaded import load
    from mfclip.locks import holding

    keep_freed_memory()
    with holding(out) if out is not None else nullcontext():
        manifest = choose_split(read_data(data, registry), split, data)
        for note in manifest.notes:
            typer.echo(f"note: {data.name}: {note}", err=True)
        loaded = load(bundle, device, precision, registry=registry, runtime=runtime)
        table = _scores(loaded, manifest, batch_size, workers)
        found = _measured(loaded, table)
        typer.echo(loaded.computed, err=True)
        typer.echo(found.model_dump_json(indent=2) if as_json else render(found))
        if out is not None:
            from mfclip.building.evaluated import write_evaluation

            write_evaluation(out, f"{loaded.recipe.name} on {data.name}", table, found)
            typer.echo(f"wrote {out}", err=True)


def _measured(loaded: LoadedDetector, table: ScoreTable) -> Evaluation:
    """The figures at the bundle's operating points, with the arithmetic that they belong to."""
    from mfclip.compute.precision import precision_name
    from mfclip.evaluation.evaluate import evaluate as measure

    found = measure(table, loaded.operating, loaded.recipe.evaluation)
    return found.model_copy(update={"precision": precision_name(loaded.arithmetic.used)})


def read_data(data: Path, registry: str | None) -> Manifest:
    """Whatever the path is: a table, a folder with one, or folders by class.

    The last are read by the part ``folder``, whose setting ``root`` is the path.
    """
    from mfclip.building.reading import dataset_of, list_images
    from mfclip.data.manifest import read_manifest
    from mfclip.errors import UsageError
    from mfclip.parts import BuildContext
    from mfclip.recipe.registry import plugins_for, read_registry

    if data.is_file():
        return read_manifest(data)
    if (data / "manifest.csv").is_file():
        return read_manifest(data / "manifest.csv")
    plugins = plugins_for(read_registry(Path(registry) if registry else None))
    offer = plugins.get("dataset", "folder")
    if offer is None:
        raise UsageError(f"{data} has no manifest.csv, and no part reads folders by class")
    return list_images(dataset_of(offer, root=data), BuildContext())


def choose_split(manifest: Manifest, split: Split | None, data: Path) -> Manifest:
    """One split of the data. Left to itself: the test split, or all where there are no splits."""
    from mfclip.errors import DataError

    named = sorted({row.split for row in manifest.rows if row.split})
    wanted = split or ("test" if "test" in named else "all")
    if wanted == "all":
        return manifest
    chosen = manifest.of_split(wanted)
    if not len(chosen):
        raise DataError(
            f"{data} has no split '{wanted}'; it has {', '.join(named) or 'no splits'}: "
            "choose one with --split, or take everything with --split all"
        )
    return chosen


def _scores(
    loaded: LoadedDetector, manifest: Manifest, batch_size: int, workers: int | None
) -> ScoreTable:
    from mfclip.inference.predict import predict_with
    from mfclip.metrics.scores import ScoreTable

    return ScoreTable.from_manifest(
        manifest, predict_with(loaded.predictor, manifest, batch_size=batch_size, workers=workers)
    )
