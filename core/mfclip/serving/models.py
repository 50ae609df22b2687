"""The detectors of a service, each under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.bundle.card import limits
from mfclip.explain.attribution import require_captum
from mfclip.explain.detectors import Named, names_of
from mfclip.inference.loaded import LoadedDetector, load
from mfclip.inference.points import BALANCED, choose_point, film_point
from mfclip.serving.explaining import Explainer

if TYPE_CHECKING:
    from mfclip.inference.points import Point
    from mfclip.recipe.settings import FacesSettings


@dataclass(frozen=True)
class Model:
    """One detector."""

    name: str
    loaded: LoadedDetector
    threshold: str | None
    """What is used where a request names none; None: the detector's own."""
    explainer: Explainer | None = None
    """What makes heat maps; None: there are none."""

    def point(self, wanted: str | None = None) -> Point:
        """The threshold that a request means. Raises :class:`UsageError` for an unknown one."""
        return choose_point(self.loaded.operating, wanted or self.threshold)

    def film_point(self, wanted: str | None = None) -> Point:
        """The same for a film."""
        return film_point(self.loaded.operating, wanted or self.threshold)

    def points(self) -> list[Point]:
        """Every threshold that a request can name; first the one that is used without a name."""
        used = self.point()
        alarms = [alarm for alarm in self.loaded.operating.alarms if alarm.threshold is not None]
        named = [self.point(f"fpr-{100 * alarm.limit:g}") for alarm in alarms]
        if self.loaded.operating.fitted:
            named.insert(0, self.point(BALANCED))
        return [used, *(point for point in named if point != used)]

    @property
    def cautions(self) -> tuple[str, ...]:
        """What its answers should not be trusted with."""
        return limits(finds_faces=self.loaded.faces is not None)

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on images that a program drew."""
        data = self.loaded.recipe.data
        return data is not None and data.synthetic


def load_models(
    folders: Sequence[Path],
    *,
    device: str = "auto",
    precision: str | None = None,
    runtime: str = "auto",
    registry: str | None = None,
    faces: FacesSettings | bool | None = None,
    threshold: str | None = None,
    explain: bool | None = None,
    batch_size: int = 24,
) -> dict[str, Model]:
    """Load every bundle, by the name of its folder, in their order.

    Parameters
    ----------
    explain
        Whether heat maps can be asked for; None: where captum is installed.

    Raises
    ------
    BundleError
        For a folder that is no bundle, or a damaged one.
    MissingExtraError
        Where heat maps are asked for and captum is not installed.
    UsageError
        For a threshold that one of them does not have.
    """
    if explain:
        require_captum()
    explained = find_spec("captum") is not None if explain is None else explain
    models = {}
    for name, folder in zip(names_of(folders), folders, strict=True):
        loaded = load(folder, device, precision, registry=registry, faces=faces, runtime=runtime)
        choose_point(loaded.operating, threshold)
        explainer = None
        if explained and loaded.frames is None:
            exact = _in_fp32(loaded, folder, device, registry, faces)
            explainer = Explainer(Named(name, exact, loaded), batch_size)
        models[name] = Model(name, loaded, threshold, explainer)
    return models


def _in_fp32(
    loaded: LoadedDetector,
    folder: Path,
    device: str,
    registry: str | None,
    faces: FacesSettings | bool | None,
) -> LoadedDetector:
    """The same detector in the arithmetic of heat maps."""
    import torch

    if loaded.arithmetic.used == torch.float32:
        return loaded
    return load(folder, device, "fp32", registry=registry, faces=faces)
