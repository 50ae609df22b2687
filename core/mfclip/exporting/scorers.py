"""Whatever scores: a bundle, or a model that was exported from one; and what its scores rest on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast, get_args

from mfclip.compute.allocator import keep_freed_memory
from mfclip.exporting.exported import ExportedDetector, is_exported, load_exported
from mfclip.exporting.through import Exported, load_through
from mfclip.inference.loaded import LoadedDetector, load
from mfclip.inference.points import Banded, Point
from mfclip.version import __version__
from mfclip.weights.files import hash_of

if TYPE_CHECKING:
    from mfclip.recipe.settings import FacesSettings

Scorer: TypeAlias = "LoadedDetector | ExportedDetector"


def load_scorer(
    path: Path,
    device: str,
    precision: str | None,
    registry: Path | str | None,
    faces: FacesSettings | bool | None,
    runtime: str = "auto",
) -> Scorer:
    """A bundle, or a model that was exported from one.

    Arguments and errors are those of :func:`mfclip.load`, and of
    :func:`mfclip.exporting.through.load_through` for the runtimes ``onnx`` and ``openvino``.
    """
    keep_freed_memory()
    if is_exported(path):
        return load_exported(
            path, device, precision, registry=registry, faces=faces, runtime=runtime
        )
    if runtime in get_args(Exported):
        return load_through(
            cast(Exported, runtime), path, device, precision, registry=registry, faces=faces
        )
    return load(path, device, precision, registry=registry, faces=faces, runtime=runtime)


def conditions_of(loaded: Scorer, point: Point) -> dict[str, Any]:
    """What scores depend on, besides the files; JSON. One table holds scores of one of these."""
    films = loaded.operating.films
    return {
        "mfclip": __version__,
        "weights": loaded.weights_sha256,
        "preprocessing": loaded.preprocessing.model_dump(mode="json"),
        "reencode": loaded.predictor.preprocessor.reencode,
        "temperature": loaded.operating.temperature,
        "films": films.model_dump(mode="json") if films else None,
        "threshold": point.threshold,
        "operating_point": point.name,
        "uncertain_from": point.band.low if isinstance(point, Banded) else None,
        "device": loaded.device.type,
        "precision": str(loaded.predictor.precision),
        "runtime": loaded.predictor.runtime.name,
        **_how_faces(loaded),
    }


def _how_faces(loaded: Scorer) -> dict[str, Any]:
    """How faces are found, with what network; nothing where they are not."""
    if loaded.faces is None:
        return {}
    weights = getattr(loaded.faces.locator, "weights", None)
    network = {} if weights is None else {"locator_weights": hash_of(weights)}
    return {"faces": loaded.faces.model_dump(mode="json"), **network}
